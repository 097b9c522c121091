"""Measure what the weekly report claims: made-up sites of known truth, each drawn from a seed.

Run: .venv/bin/python tests/benchmarks/bench_claims.py [--only WORD,WORD] [--seeds 1,2,3] [--write] [--json] …
Prints what is wrong in each report, how many are right, the share of the claimed energy that is true (precision), the
share of the recurring waste that is claimed (recall), and how many of the claims called high, medium and low are true.

More than a third of the kinds is held out: tune an analysis by the others and look at the totals of these only.
--open-held-out shows them one by one; after that they are not held out any more. Reports are made in process, from
frames; --whole-way also makes them over a PostgreSQL of its own, script by script, and lists where the two differ.
--measured adds the savings in the headlines of measured buildings, where these are beside the project.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

from benchmarks import measured_meters
from benchmarks.accuracy_page import replace_section
from benchmarks.bench_setup import temporary_database
from benchmarks.claims import catalog
from benchmarks.claims.claims_page import describe_measured, render_section, render_text
from benchmarks.claims.judge import Verdict, judge
from benchmarks.claims.made_up_site import Scenario
from benchmarks.claims.measured_savings import MeasuredSavings, plan_measured, run_measured
from benchmarks.claims.stored_frames import report_quickly
from benchmarks.claims.tally import Outcome, add_up, calibrate
from benchmarks.claims.whole_way import report_over_database

from lib.paths import write_atomically

PAGE = _PROJECT_ROOT / "docs" / "accuracy.md"
SEEDS, WORKERS = (1, 2, 3), 2
FIRST_SITE_ID = 8_000_000_000  # far from every real site's; each process takes a number of its own


class Task(NamedTuple):
    """A site to draw, and whether its kind is held out."""

    scenario: Scenario
    seed: int
    is_held_out: bool


def plan(only: str, seeds: Sequence[int]) -> list[Task]:
    """Return the sites of the kinds that have one of these words, parted by commas, in their name."""
    kinds = [(scenario, False) for scenario in catalog.OPEN] + [(scenario, True) for scenario in catalog.HELD_OUT]
    return [
        Task(scenario, seed, is_held_out)
        for scenario, is_held_out in kinds
        for seed in seeds
        if any(word in scenario.__name__ for word in only.split(","))
    ]


def run_task(task: Task) -> Outcome:
    """Draw a site, make its report in process, and judge it."""
    site = task.scenario(task.seed)
    verdict = judge(report_quickly(site, FIRST_SITE_ID + os.getpid()), site)
    return Outcome(site.kind, task.seed, task.is_held_out, verdict)


def run_quickly(tasks: list[Task]) -> list[Outcome]:
    """Return how the reports fare, made in process."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:  # a fork may inherit a held lock
        return list(pool.map(run_task, tasks, chunksize=4))


def run_whole_way(tasks: list[Task]) -> list[Outcome]:
    """Return how the reports fare, made over a database; a site without a report has that as its problem."""
    sites = {FIRST_SITE_ID + number: task.scenario(task.seed) for number, task in enumerate(tasks)}
    with temporary_database() as url, tempfile.TemporaryDirectory() as folder:
        reports = report_over_database(sites, url, Path(folder))
    verdicts = []
    for site_id, site in sites.items():
        report = reports[site_id]
        verdicts.append(Verdict((f"no report: {report}",)) if isinstance(report, str) else judge(report, site))
    return [
        Outcome(task.scenario.__name__, task.seed, task.is_held_out, verdict)
        for task, verdict in zip(tasks, verdicts, strict=True)
    ]


def run_measured_weeks() -> list[MeasuredSavings]:
    """Return the savings that reports on measured buildings claim; none where the data are absent."""
    if missing := measured_meters.missing_files():
        print(f"the measured data are not beside the project ({missing[0]} is missing); left out", file=sys.stderr)
        return []
    weeks = plan_measured(measured_meters.load_meters())
    tasks = [(name, week, FIRST_SITE_ID + number) for number, (name, week) in enumerate(weeks)]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        return list(pool.map(run_measured, tasks))


def describe_differences(quick: list[Outcome], whole: list[Outcome]) -> list[str]:
    """Return a line for each site about which the two ways disagree."""
    lines = []
    for one, other in zip(quick, whole, strict=True):
        if one.verdict.problems != other.verdict.problems:
            lines.append(f"{one.kind} {one.seed}: quickly {list(one.verdict.problems)}")
            lines.append(f"{' ' * len(f'{one.kind} {one.seed}')}  whole way {list(other.verdict.problems)}")
    return lines or [f"both ways agree about all {len(quick)} sites"]


def as_json(outcomes: list[Outcome], opens_held_out: bool) -> str:
    """Return the outcome for a machine; of the held-out sites the sums alone, unless they are opened."""
    shown = [outcome for outcome in outcomes if opens_held_out or not outcome.is_held_out]
    content = {
        "sites": [
            {
                "kind": outcome.kind,
                "seed": outcome.seed,
                "isHeldOut": outcome.is_held_out,
                "problems": outcome.verdict.problems,
                "claimedKwh": round(outcome.verdict.claimed, 1),
                "backedKwh": round(outcome.verdict.backed, 1),
                "recurringKwh": round(outcome.verdict.recurring, 1),
                "foundKwh": round(outcome.verdict.found, 1),
            }
            for outcome in shown
        ],
        "open": add_up([outcome for outcome in outcomes if not outcome.is_held_out])._asdict(),
        "heldOut": add_up([outcome for outcome in outcomes if outcome.is_held_out])._asdict(),
        "calibration": [row._asdict() for row in calibrate(outcomes)],
    }
    return json.dumps(content, indent=2)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--only", default="", metavar="WORD,WORD", help="kinds with one of these words in their name")
    add("--seeds", default=",".join(map(str, SEEDS)), metavar="N,N", help="what sites are drawn from")
    add("--open-held-out", action="store_true", help="show the held-out kinds one by one")
    add("--whole-way", action="store_true", help="make the reports over a database too, and compare")
    add("--measured", action="store_true", help="list the savings in headlines of measured buildings too")
    add("--write", action="store_true", help=f"write the section of {PAGE.relative_to(_PROJECT_ROOT)}")
    add("--json", action="store_true", help="print the outcome as JSON")
    return parser


def main() -> int:
    """Run it, print it, and write what was asked for."""
    args, began = build_parser().parse_args(), time.perf_counter()
    tasks = plan(args.only, [int(seed) for seed in args.seeds.split(",")])
    if args.write and (args.only or args.seeds != ",".join(map(str, SEEDS))):
        print("--write takes all kinds and seeds; leave out --only and --seeds")
        return 2
    if not tasks:
        print(f"no kind has {args.only!r} in its name")
        return 2
    outcomes = run_quickly(tasks)
    print(as_json(outcomes, args.open_held_out) if args.json else render_text(outcomes, args.open_held_out))
    if args.whole_way:
        print("\n".join(describe_differences(outcomes, run_whole_way(tasks))))
    measured = run_measured_weeks() if args.measured or args.write else []
    if measured and not args.json:
        print("\n".join(describe_measured(measured)))
    if args.write:
        write_atomically(PAGE, replace_section(PAGE.read_text(encoding="utf-8"), render_section(outcomes, measured)))
    print(f"{len(tasks)} sites in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
