"""Replay a year of mornings of a school in which something new goes wrong every week, and say what was told, and when.

Measured is the share of what is high (a report is sure of it, or it costs `tell_from_cost` a week or more) that was
told within a day after it was confirmed, and the most mails of a site-week. Plants take turns by kind, size and
weekday; what they are, and when they are due, stands in tests/planted_news.py. About ten minutes on an idle core.

    python tests/benchmarks/bench_findings.py [--weeks 52]

Exit code 1 where less than 90 % is told within a day, or the budget is not kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks.bench_setup import temporary_database
from planted_news import (
    Kind,
    Outcome,
    Plant,
    judge,
    list_moments,
    most_mails,
    replay_mornings,
    share_in_time,
    store_planted,
)
from year_replay import monday

from lib import db

GOAL_PCT = 90.0
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


def main() -> int:
    """Replay, print what was told, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weeks", type=int, default=52, help="weeks to replay (default 52)")
    args = parser.parse_args()
    plants, end = list_plants(args.weeks), monday(args.weeks + 1)
    with (
        tempfile.TemporaryDirectory() as folder,
        temporary_database() as url,
        db.connect(url) as conn,
        pytest.MonkeyPatch.context() as patch,
    ):
        store_planted(conn, plants, end)
        with contextlib.redirect_stdout(io.StringIO()):
            told = replay_mornings(conn, Path(folder), patch, range(_FIRST_WEEK, args.weeks + 1))
    outcomes = list(judge(plants, told, list_moments(end)))
    for outcome in outcomes:
        print(describe(outcome))
    in_time, high = share_in_time(outcomes)
    share_pct, mails = 100 * in_time / high, most_mails(told)
    print(f"{in_time} of {high} that are high told within a day ({share_pct:.0f} %); at most {mails} mail a site-week")
    return 0 if share_pct >= GOAL_PCT and mails <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
