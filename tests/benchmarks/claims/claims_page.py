"""The section of docs/accuracy.md on claims, and the text that the bench prints. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.claims.tally import Calibration, Outcome, Tally, add_up, by_kind, calibrate

COMMAND = ".venv/bin/python tests/benchmarks/bench_claims.py --write"
BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"

# The same kinds and seeds before one model of the expected load stood behind every finding (main of 30 November 2026).
BEFORE: dict[str, Tally] = {}

INTRODUCTION = """## Claims

What the weekly report claims, held against {kinds} kinds of made-up sites whose truth is known, {seeds} seeds each. The
truth is what a careful person could sign who sees the same data. To make this section anew:

```bash
{command}
```

- **Right**: reports in which nothing is wrong: savings, questions, total, change, peak, forecast, and the meters that
  are named or must not be.
- **Precision**: share of the energy that headlines say can be saved a week that is true.
- **Recall**: share of the waste that comes back every week that is claimed.
- **Held out** are kinds that nobody looked at while the analyses were tuned.
"""


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


def render_section(outcomes: Sequence[Outcome]) -> str:
    """Return the section of the page."""
    kinds = by_kind(outcomes)
    seeds = len({outcome.seed for outcome in outcomes})
    lines = [
        INTRODUCTION.format(kinds=len(kinds), seeds=seeds, command=COMMAND),
        "| kinds | reports | right | precision | recall |",
        "|---|---:|---:|---:|---:|",
        *(_row(f"{name}, before", tally) for name, tally in BEFORE.items()),
        *(_row(name, add_up(group)) for name, group in groups(outcomes).items()),
        "",
        "Calibration: what each confidence is worth, over all kinds and seeds. A claim is true if its meter has waste",
        "of that kind (recurring, new, one-time) and three quarters of that size or more.",
        "",
        "| confidence | claims | true | kWh claimed | kWh true |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {row.confidence} | {row.claims} | {share(row.true / row.claims if row.claims else None)} "
            f"| {row.claimed_kwh:,.0f} | {row.true_kwh:,.0f} |"
            for row in calibrate(outcomes)
        ),
        "",
        *_weak_kinds(outcomes),
    ]
    return "\n".join(lines)


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
    return [f"Open kinds with wrong reports: {', '.join(texts)}."]


def replace_section(page: str, section: str) -> str:
    """Return the page with the section between its marks; at the page's end where it has none yet."""
    marked = f"{BEGIN}\n{section}\n{END}\n"
    if BEGIN not in page:
        return f"{page.rstrip()}\n\n{marked}"
    head, rest = page.split(BEGIN, 1)
    return head + marked + rest.split(END, 1)[1].lstrip("\n")


def keep_section(new_page: str, old_page: str) -> str:
    """Return a page that was made anew, with the section that the old one has."""
    if BEGIN not in old_page:
        return new_page
    return replace_section(new_page, old_page.split(BEGIN, 1)[1].split(END, 1)[0].strip("\n"))
