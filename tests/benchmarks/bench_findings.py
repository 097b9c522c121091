"""Replay a year of findings of a made-up school, and measure what is told in time, and what savings are proved.

- Mornings: something new goes wrong every week, by turns of kind, size and weekday. Measured is the share of what is
  high (a report is sure of it, or it costs `tell_from_cost` a week or more) that is told within a day after it was
  confirmed, and the most mails of a site-week.
- Savings: wastes of several kinds, sizes and lengths are done on one day. Measured is how often the band holds what was
  planted after 4, 13 and 52 weeks, and the realized share: what is proved, of what was claimed.

What is planted, and when it is due, stands in tests/planted_news.py. About seven minutes of an idle core.

Run: .venv/bin/python tests/benchmarks/bench_findings.py [--weeks 52] [--savings] [--write]

Exit code 1 where less than 90 % is told within a day, or the budget is not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from psycopg2.extensions import connection as Connection

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.accuracy_page import FINDINGS, replace_section
from benchmarks.bench_setup import temporary_database
from planted_news import (
    DONE,
    USD_PER_KWH,
    Kind,
    Outcome,
    Plant,
    Saved,
    judge,
    list_moments,
    most_mails,
    replay_mornings,
    replay_savings,
    share_in_time,
    store_planted,
    weekly_kwh,
)
from year_replay import monday

from lib import db
from lib.findings import VERIFIED
from lib.paths import write_atomically

GOAL_PCT = 90.0
PAGE = _PROJECT_ROOT / "docs" / "accuracy.md"
_WEEKS = 52
_WASTES = (Kind.NIGHTS, Kind.SOME_NIGHTS, Kind.EVENINGS, Kind.WEEKEND)
_WASTE_KW, _WASTE_WEEKS = (3.0, 6.0, 12.0), (2, 4, 9)
_SECTION = """## Findings over a year

What becomes of findings, in replays of a made-up school whose truth is known. To make this section anew:

```bash
.venv/bin/python tests/benchmarks/bench_findings.py --write
```

**Told in time**: over {weeks} weeks something new goes wrong every week ({plants} events of {kinds} kinds). High is
what a weekly report is sure of, or what costs 50 $ a week or more: {in_time} of {high} such events ({share:.0f} %) were
told within a day after they were confirmed (two nights, or the cost), by at most {mails} mail a site-week. Goal: 90 %.

**Realized share**: what was proved of what was claimed. {wastes} wastes ({sizes} kW in nights, in some nights, in
evenings, and on weekends, for {lengths} weeks) are called done on one day and measured at their meters. Amounts are of
a week. The band is meant to hold the truth in 90 % of the cases. What your own buildings realized: `python
operations/mark_finding.py --ledger`; how many of your findings were right: `--accuracy`.
"""
_METERS = 9
_SIZES_KW = (3.0, 6.0, 12.0, 25.0)
_FIRST_WEEK = 2


def list_plants(weeks: int) -> list[Plant]:
    """Return one plant a week, by turns of meter, kind and size, on a weekday drawn by lot."""
    random, kinds = np.random.default_rng(5), list(Kind)
    return [
        Plant(
            10 + turn % _METERS,
            monday(_FIRST_WEEK + turn) + timedelta(days=int(random.integers(0, 5))),
            kinds[turn % len(kinds)],
            _SIZES_KW[(turn + turn // len(kinds)) % len(_SIZES_KW)],
        )
        for turn in range(weeks - _FIRST_WEEK)
    ]


def describe(outcome: Outcome) -> str:
    """Return one line on what became of a plant."""
    plant, told = outcome.plant, outcome.told_on
    way = f"mail ({outcome.mailed_as})" if outcome.mailed_as else "report"
    told_on = f"{told:%a %d %b} by {way}" if told else "never"
    high = "high" if outcome.is_high else "-"
    what = f"{plant.first:%a %d %b}  {plant.kind.name:<12}{plant.kw:5.1f} kW  {high:<5}"
    return f"{what}due {outcome.due:%a %d %b}  {told_on}"


def list_wastes() -> list[Plant]:
    """Return wastes of each kind, size and length in weeks, each at a meter of its own, over on one Monday."""
    mixes = [(kind, kw, weeks) for kind in _WASTES for kw in _WASTE_KW for weeks in _WASTE_WEEKS]
    return [
        Plant(10 + number, monday(DONE - weeks) + timedelta(days=number % 3), kind, kw, 7 * weeks - number % 3)
        for number, (kind, kw, weeks) in enumerate(mixes)
    ]


class Proof(NamedTuple):
    """The savings after so many weeks: how many are done, judged and hold what was planted; currency a week."""

    weeks: int
    done: int
    judged: int
    held: int
    claimed: float
    planted: float
    low: float
    likely: float
    high: float

    def row(self) -> str:
        """Return it as a row of the page's table."""
        share = f"{100 * self.likely / self.claimed:.0f} %" if self.claimed else "-"
        band = f"{self.likely:,.2f} ({self.low:,.2f} to {self.high:,.2f})"
        return (
            f"| {self.weeks} | {self.done} | {self.judged} | {self.held} | {self.planted:,.2f} | {self.claimed:,.2f} "
            f"| {band} | {share} |"
        )


def prove(plants: Sequence[Plant], saved: Saved) -> list[Proof]:
    """Return what the reports prove after each horizon, held against what was planted."""
    planted = {plant.meter: weekly_kwh(plant) for plant in plants}
    proofs = []
    for weeks, entries in saved.savings.items():
        judged = [each for each in entries.values() if each["status"] in VERIFIED]
        held = [
            each for each in judged
            if each["savedKwh"]["low"] <= planted[each["channelId"]] <= each["savedKwh"]["high"]
        ]  # fmt: skip
        low, likely, high = (sum(each["savedCost"][key] for each in judged) for key in ("low", "likely", "high"))
        truth = USD_PER_KWH * sum(planted[each["channelId"]] for each in judged)
        claimed = sum(each["claimed"]["weeklyCost"] for each in judged)
        proofs.append(Proof(weeks, len(entries), len(judged), len(held), claimed, truth, low, likely, high))
    return proofs


def run_mornings(weeks: int) -> tuple[list[Outcome], int]:
    """Return what became of each plant, and the most mails of a site-week."""
    plants, end = list_plants(weeks), monday(weeks + 1)
    with scratch() as (conn, folder, patch):
        store_planted(conn, plants, end)
        told = replay_mornings(conn, folder, patch, range(_FIRST_WEEK, weeks + 1))
    return list(judge(plants, told, list_moments(end))), most_mails(told)


@contextlib.contextmanager
def scratch() -> Iterator[tuple[Connection, Path, pytest.MonkeyPatch]]:
    """Yield a new database and a folder, in silence."""
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_database() as url,
        db.connect(url) as conn,
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        yield conn, Path(folder), patch


def render_section(
    weeks: int, outcomes: Sequence[Outcome], mails: int, wastes: Sequence[Plant], proofs: Sequence[Proof]
) -> str:
    """Return the section of docs/accuracy.md."""
    in_time, high = share_in_time(outcomes)
    kinds = len({outcome.plant.kind for outcome in outcomes})
    heads = (
        "weeks after",
        "done",
        "judged",
        "band holds it",
        "planted, $",
        "claimed, $",
        "proved, $",
        "realized share",
    )
    return "\n".join([
        _SECTION.format(
            weeks=weeks, plants=len(outcomes), kinds=kinds, in_time=in_time, high=high,
            share=100 * in_time / high, mails=mails,
            wastes=len(wastes), sizes=", ".join(f"{kw:.0f}" for kw in _WASTE_KW),
            lengths=", ".join(map(str, _WASTE_WEEKS)),
        ),
        f"| {' | '.join(heads)} |",
        "|" + "---:|" * len(heads),
        *(proof.row() for proof in proofs),
        "",
    ])  # fmt: skip


def main() -> int:
    """Replay, print what was told and proved, judge it, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=_WEEKS, help="weeks of mornings to replay (default 52)")
    parser.add_argument("--savings", action="store_true", help="measure the savings alone")
    parser.add_argument("--write", action="store_true", help=f"write the section of {PAGE.relative_to(_PROJECT_ROOT)}")
    args = parser.parse_args()
    if args.write and args.savings:
        parser.error("--write takes both; leave out --savings")
    wastes = list_wastes()
    with scratch() as (conn, folder, patch):
        proofs = prove(wastes, replay_savings(conn, folder, patch, wastes))
    for proof in proofs:
        print(proof.row())
    if args.savings:
        return 0
    outcomes, mails = run_mornings(args.weeks)
    for outcome in outcomes:
        print(describe(outcome))
    in_time, high = share_in_time(outcomes)
    share_pct = 100 * in_time / high
    print(f"{in_time} of {high} that are high told within a day ({share_pct:.0f} %); at most {mails} mail a site-week")
    if args.write:
        section = render_section(args.weeks, outcomes, mails, wastes, proofs)
        write_atomically(PAGE, replace_section(PAGE.read_text(encoding="utf-8"), section, FINDINGS))
    return 0 if share_pct >= GOAL_PCT and mails <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
