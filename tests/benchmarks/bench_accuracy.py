"""Measure what the analyses find: injected faults in measured weeks, false alerts without them, labelled buildings.

Run: .venv/bin/python tests/benchmarks/bench_accuracy.py [--write] [--labelled] [--seeds N …] [--events FILE]
Prints docs/accuracy.md, and with --write writes it; the same seeds and code give the same page. The seeds that it takes
by itself are held out: choose thresholds by others (3, 11 and 12 were used for that). The measured data are no
part of this project; where they are absent it says so and exits 0.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(_PROJECT_ROOT), str(_PROJECT_ROOT / "tests")]

import numpy as np
import pandas as pd
from benchmarks import detections, measured_meters
from benchmarks.accuracy_page import (
    TOGETHER,
    Findings,
    LabelledScore,
    Run,
    keep_section,
    render_page,
    replace_labelled,
)
from benchmarks.detections import ACCEPTED, OURS, PLAIN
from benchmarks.fault_injection import KINDS, Fault, inject
from benchmarks.fault_plan import plan_faults
from benchmarks.measured_meters import DATA_DIR, MeasuredWeek, Meter, complete_weeks, measured_week

from analyze.load.anomaly_scores import score_readings
from analyze.week.site_week import analyze_site_week
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.thresholds import Thresholds
from lib.paths import write_atomically
from lib.stats_utils import label_runs

PAGE = _PROJECT_ROOT / "docs" / "accuracy.md"
HELD_OUT_SEEDS, WORKERS = (201, 202, 203), 2
MIN_SITE_METERS, WEEKS_PER_SITE = 5, 2  # weeks for each seed
MIN_MAD_RATIO = 0.01  # of the building's mean; keeps the plain score finite where an hour never varies


def find_all(week: MeasuredWeek, readings: pd.DataFrame) -> Findings:
    """Return the findings of both methods in `readings` of `week`."""
    config = Thresholds()
    result = analyze_site_week(readings, week.meters, week.period, week.baseline, week.tz, config)
    ours = detections.list_our_findings(result)
    return {OURS: ours, PLAIN: detections.list_plain_findings(week, readings)}


def false_alerts(week: MeasuredWeek, found: Findings) -> Findings:
    """Return the alerts of an untouched week by method."""
    return {method: detections.list_false_alerts(items, week.readings) for method, items in found.items()}


def run_fault(task: tuple[MeasuredWeek, Fault]) -> Run:
    """Analyse a week without and with its fault."""
    week, fault = task
    readings = inject(week, fault)
    clean, found = find_all(week, week.readings), find_all(week, readings)
    outcomes = {
        method: detections.judge(fault, found[method], clean[method], readings, ACCEPTED[fault.kind][method])
        for method in (OURS, PLAIN)
    }
    return Run(fault, int(week.meters["interval_s"].iloc[0]), outcomes, false_alerts(week, clean))


def run_site(week: MeasuredWeek) -> tuple[int, Findings]:
    """Return how many meters a site's untouched week has, and the false alerts in it."""
    return len(week.meters), false_alerts(week, find_all(week, week.readings))


def plan_sites(meters: list[Meter], seed: int, config: Thresholds) -> Iterator[MeasuredWeek]:
    """Yield weeks of the sites with many meters, with those of them that are complete."""
    sites = sorted({meter.site for meter in meters})
    for number, site in enumerate(sites):
        complete = [(meter, set(complete_weeks(meter, config))) for meter in meters if meter.site == site]
        periods = sorted(set().union(*(weeks for _, weeks in complete)))
        groups = [[meter for meter, weeks in complete if period in weeks] for period in periods]
        usable = [index for index, group in enumerate(groups) if len(group) >= MIN_SITE_METERS]
        rng = np.random.default_rng([seed, len(KINDS), number])
        for index in sorted(rng.permutation(usable)[:WEEKS_PER_SITE].astype(int)):
            yield measured_week(groups[index], periods[index], config)


def plain_scores(meter: Meter) -> pd.Series:
    """Return how many median deviations each reading lies from the median of its hour of the week."""
    power_kw, local = meter.readings["power_kw"], meter.readings["interval_start"].dt.tz_convert(meter.tz)
    hour = local.dt.day_of_week * 24 + local.dt.hour
    distance_kw = (power_kw - power_kw.groupby(hour).transform("median")).abs()
    usual_kw = distance_kw.groupby(hour).transform("median").clip(lower=MIN_MAD_RATIO * power_kw.mean())
    return distance_kw / usual_kw


def our_scores(meter: Meter, schedule: Schedule | None = None) -> pd.DataFrame:
    """Return `score` and `is_anomaly` of each reading."""
    meters, config = measured_meters.describe_meters([meter]), Thresholds()
    return score_readings(meter.readings, meters, meter.tz, config, schedule)[["score", "is_anomaly"]]


def our_scores_with_holidays(meter: Meter) -> pd.DataFrame:
    """Return `score` and `is_anomaly` of each reading of a site whose file names its country."""
    return our_scores(meter, replace(ASSUMED_SCHEDULE, country=measured_meters.LABELLED_COUNTRY))


def plain_flags(meter: Meter) -> pd.DataFrame:
    """Return the plain `score` of each reading; it has no threshold, and flags nothing."""
    return pd.DataFrame({"score": plain_scores(meter), "is_anomaly": False})


def list_unseen(meter: Meter, label: pd.Series, score: pd.Series) -> tuple[str, ...]:
    """Return the labelled hours in a row of which the middle one scores no higher than the building's median hour."""
    is_marked, score = label.to_numpy(), score.to_numpy()
    run = label_runs(label, pd.Series(False, index=label.index)).to_numpy()
    local = meter.readings["interval_start"].dt.tz_convert(meter.tz)
    runs = [np.flatnonzero(run == number) for number in range(1, run.max() + 1)]
    unseen = [rows for rows in runs if np.median(score[rows]) <= np.median(score[~is_marked])]
    return tuple(f"{len(rows)} h from {local.iloc[rows[0]]:%A %Y-%m-%d %H:%M}" for rows in unseen)


class _Scored(NamedTuple):
    """A labelled building: what people marked, each reading's score, what is flagged, and what scores too low."""

    name: str
    label: pd.Series
    score: pd.Series
    is_flagged: pd.Series
    unseen: tuple[str, ...]


def _join(parts: list[_Scored]) -> _Scored:
    """Return the buildings as one."""
    columns = ("label", "score", "is_flagged")
    together = {name: pd.concat([getattr(part, name) for part in parts], ignore_index=True) for name in columns}
    return _Scored(TOGETHER, unseen=(), **together)


def score_labelled() -> list[LabelledScore]:
    """Return how well both methods score the labelled buildings, each and all together."""
    buildings, result = measured_meters.load_labelled(), []
    methods = ((OURS, our_scores), (f"{OURS}, holidays named", our_scores_with_holidays), (PLAIN, plain_flags))
    for method, score_of in methods:
        parts: list[_Scored] = []
        for meter, label in buildings:
            found = score_of(meter)
            unseen = list_unseen(meter, label, found["score"])
            parts.append(_Scored(meter.name, label, found["score"], found["is_anomaly"], unseen))
        for part in [*parts, _join(parts)]:
            label, score = part.label, part.score
            fit = detections.roc_auc(label, score), detections.best_f1(label, score)
            flags = (None, None) if method == PLAIN else detections.precision_and_recall(label, part.is_flagged)
            shown = part.unseen if method in (OURS, PLAIN) else ()
            result.append(LabelledScore(part.name, len(label), int(label.sum()), method, *fit, *flags, shown))
    return result


def list_events(runs: list[Run]) -> pd.DataFrame:
    """Return one row per fault, with how it fared by each method."""
    rows = []
    for run in runs:
        row = run.fault._asdict() | {"interval_s": run.interval_s}
        for method, outcome in run.outcomes.items():
            row |= {f"{method}_{name}": value for name, value in outcome._asdict().items()}
            row[f"{method}_alerts"] = " ".join(sorted(item.kind for item in run.alerts[method]))
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> int:
    """Run it, print it, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(_PROJECT_ROOT)}")
    parser.add_argument("--labelled", action="store_true", help="make the part of the labelled buildings anew only")
    parser.add_argument("--seeds", type=int, nargs="+", default=HELD_OUT_SEEDS, metavar="N")
    parser.add_argument("--events", type=Path, help="CSV file for every fault and how it fared")
    args = parser.parse_args()
    if missing := measured_meters.missing_files():
        print(f"the measured data are not beside the project ({DATA_DIR / missing[0]} is missing); nothing measured")
        return 0
    if args.labelled:
        page = replace_labelled(PAGE.read_text(encoding="utf-8"), score_labelled())
        print(page)
        if args.write:
            write_atomically(PAGE, page)
        return 0
    config, meters = Thresholds(), measured_meters.load_meters()
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:  # a fork may inherit a held lock
        faults = chain.from_iterable(plan_faults(meters, seed, config) for seed in args.seeds)
        runs = list(pool.map(run_fault, faults, chunksize=8))
        weeks = chain.from_iterable(plan_sites(meters, seed, config) for seed in args.seeds)
        sites = list(pool.map(run_site, weeks))
    page = render_page(args.seeds, runs, sites, score_labelled())
    print(page)
    if args.write:  # the section on claims is another benchmark's
        write_atomically(PAGE, keep_section(page, PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""))
    if args.events:
        list_events(runs).to_csv(args.events, index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
