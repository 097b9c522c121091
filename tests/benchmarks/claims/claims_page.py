"""The section of docs/accuracy.md on claims, and the text that the bench prints. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from benchmarks.claims.measured_savings import MeasuredSavings
from benchmarks.claims.tally import Calibration, Outcome, Tally, add_up, by_kind, calibrate

PAGE_WIDTH = 120
COMMAND = ".venv/bin/python tests/benchmarks/bench_claims.py --write"

# The kinds that are open now, before one model of the expected load stood behind every finding (1b5e3b3, 30 November
# 2026). A third of them was held out then; those that are held out now are younger.
BEFORE = {"open kinds": Tally(366, 211, 63_940, 23_500, 7_123, 5_416)}
BEFORE_CALIBRATION = {
    "high": Calibration("high", 57, 9, 35_207, 2_459),
    "medium": Calibration("medium", 107, 18, 31_751, 5_670),
    "low": Calibration("low", 123, 37, 36_510, 18_235),
}
BEFORE_MEASURED = 13  # of the measured site-weeks: claimed energy every week

INTRODUCTION = """## Claims

What the weekly report claims, held against {kinds} kinds of made-up sites whose truth is known, {seeds} seeds each. The
truth of a site is what a careful person who sees the same data could sign; the reason stands beside it in
`tests/benchmarks/claims/`. To make this section anew:

```bash
{command}
```

- **Right**: reports without an error in savings, questions, total, change, peak, forecast, or in the meters that they
  name or must not name.
- **Precision**: share of the energy in "could be saved a week" that is true.
- **Recall**: share of the waste that recurs every week that is claimed.
- **Held out**: kinds that nobody looked at while the analyses were first tuned. Twice since, failures were seen and
  rules came of them, so the figures below are no longer those of kinds never seen. Before anybody looked, 83 % of
  these reports were right, with a precision of 57 % and a recall of 76 %: expect as much of what is new.
- **Before**: the open kinds before one model of the expected load stood behind every finding.
"""
CALIBRATION_TEXT = """Calibration: what each confidence is worth, over all kinds and seeds. A claim is true if its
meter has waste of that kind (recurring, new, one-time) and three quarters of that size or more. Low is a question: it
is true if there is something for a person to look at.
"""
MEASURED_TEXT = """Measured buildings: {weeks} site-weeks of several meters, whose opening hours nobody named. What
depends on hours cannot be signed there, so each saving in a headline is listed for a person to read: {weekly} reports
claim energy every week (before: {before}), {once} a one-time saving."""


def share(value: float | None) -> str:
    """Return a share as text."""
    return "–" if value is None else f"{100 * value:.0f} %"


def describe(tally: Tally) -> str:
    """Return sums as one line."""
    return (
        f"{tally.right} of {tally.reports} reports right; of {tally.claimed:,.0f} kWh a week claimed "
        f"{tally.backed:,.0f} are true ({share(tally.precision)}); of {tally.recurring:,.0f} that recur "
        f"{tally.found:,.0f} are claimed ({share(tally.recall)})"
    )


def render_text(outcomes: Sequence[Outcome], opens_held_out: bool) -> str:
    """Return what the bench prints; of the held-out sites the sums alone, unless they are opened."""
    lines = []
    for outcome in outcomes:
        if outcome.is_held_out and not opens_held_out:
            continue
        problems = outcome.verdict.problems
        lines.append(f"{'FAIL' if problems else 'ok  '} {outcome.kind} {outcome.seed}")
        lines += [f"       {problem}" for problem in problems]
    for name, group in groups(outcomes).items():
        lines.append(f"{name}: {describe(add_up(group))}")
    lines += [_calibration_line(row) for row in calibrate(outcomes)]
    return "\n".join(lines)


def groups(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Return the reports on open and on held-out kinds, as far as there are any, and all of them."""
    parts = {
        "open kinds": [outcome for outcome in outcomes if not outcome.is_held_out],
        "held-out kinds": [outcome for outcome in outcomes if outcome.is_held_out],
    }
    return {name: part for name, part in (*parts.items(), ("all kinds", list(outcomes))) if part}


def _calibration_line(row: Calibration) -> str:
    return (
        f"{row.confidence}: {row.true} of {row.claims} claims true, {row.true_kwh:,.0f} of {row.claimed_kwh:,.0f} kWh"
    )


def render_section(outcomes: Sequence[Outcome], measured: Sequence[MeasuredSavings]) -> str:
    """Return the section of the page; without measured buildings it says nothing of them."""
    kinds = by_kind(outcomes)
    seeds = len({outcome.seed for outcome in outcomes})
    lines = [
        INTRODUCTION.format(kinds=len(kinds), seeds=seeds, command=COMMAND),
        "| kinds | reports | right | precision | recall |",
        "|---|---:|---:|---:|---:|",
        *(_row(f"{name}, before", tally) for name, tally in BEFORE.items()),
        *(_row(name, add_up(group)) for name, group in groups(outcomes).items()),
        "",
        CALIBRATION_TEXT,
        "| confidence | claims | true | kWh claimed | kWh true | true, before |",
        "|---|---:|---:|---:|---:|---:|",
        *(_calibration_row(row, BEFORE_CALIBRATION[row.confidence]) for row in calibrate(outcomes)),
        "",
        *_weak_kinds(outcomes),
        *(["", *describe_measured(measured, has_titles=False)] if measured else []),
    ]
    return "\n".join(lines)


def _calibration_row(row: Calibration, before: Calibration) -> str:
    return (
        f"| {row.confidence} | {row.claims} | {share(row.true_share)} | {row.claimed_kwh:,.0f} | {row.true_kwh:,.0f} "
        f"| {share(before.true_share)} |"
    )


def _row(name: str, tally: Tally) -> str:
    return (
        f"| {name} | {tally.reports} | {share(tally.right / tally.reports)} | {share(tally.precision)} "
        f"| {share(tally.recall)} |"
    )


def _weak_kinds(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the open kinds with a wrong report, the worst first."""
    weak = {
        kind: tally
        for kind, tally in by_kind([outcome for outcome in outcomes if not outcome.is_held_out]).items()
        if tally.right < tally.reports
    }
    if not weak:
        return ["Every report on an open kind is right."]
    texts = [
        f"{kind.replace('_', ' ')} ({tally.reports - tally.right} of {tally.reports})"
        for kind, tally in sorted(weak.items(), key=lambda item: item[1].right / item[1].reports)
    ]
    return textwrap.wrap(f"Open kinds with wrong reports: {', '.join(texts)}.", PAGE_WIDTH)


def describe_measured(measured: Sequence[MeasuredSavings], has_titles: bool = True) -> list[str]:
    """Return how many reports on measured buildings claim a saving, and each that does, with the titles behind it."""
    weekly = sum(item.weekly_kwh > 0 for item in measured)
    once = sum(item.once_kwh > 0 for item in measured)
    lines = [MEASURED_TEXT.format(weeks=len(measured), weekly=weekly, once=once, before=BEFORE_MEASURED), ""]
    for item in measured:
        if item.weekly_kwh > 0 or item.once_kwh > 0:
            lines.append(f"- {item.name}: {item.weekly_kwh:,.0f} kWh a week, {item.once_kwh:,.0f} kWh once.")
            lines += [f"  - {title}" for title in item.titles if has_titles]
    return lines
