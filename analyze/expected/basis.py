"""Which channels can be compared with their like days, how well that works, and why not where it does not. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analyze.expected.model import Expectation, ExpectedDays
from analyze.expected.wall_time import flat
from analyze.load.fit_quality import check_sufficiency, describe_quality
from analyze.week.intervals import Columns, WeekScope, channel_names, pick, split_columns, starts_within
from analyze.week.refusals import refuse_no_like_days, refuse_short_baseline, refuse_silent

_PROFILE, _WITH_TEMPERATURE = "like days", "like days and temperature"


def assessed_channels(expectation: Expectation, scope: WeekScope) -> set[int]:
    """Return the channels of which the baseline weeks are full enough to say what is usual in the period."""
    is_full = expectation.coverage["baseline_pct"] >= scope.config.baseline.min_completeness_pct
    return set(expectation.coverage.index[is_full].tolist()) & expectation.based


def list_unassessed(expectation: Expectation, scope: WeekScope) -> list[dict[str, Any]]:
    """Return the meters of which no interval of the period can be compared with like days, and why."""
    names, coverage = channel_names(scope.meters), expectation.coverage
    judged = assessed_channels(expectation, scope)
    floor, result = scope.config.baseline.min_completeness_pct, []
    for row in coverage.itertuples():
        if row.Index in judged:
            continue
        if row.period_pct == 0:
            refusal = refuse_silent()
        elif row.baseline_pct < floor:
            reason = f"valid readings cover {row.baseline_pct:.1f} % of the baseline weeks; {floor:.0f} % is needed"
            refusal = refuse_short_baseline(row.baseline_pct, row.period_pct, reason, scope)
        else:
            refusal = refuse_no_like_days()
        result.append({"channelId": int(row.Index), "channelName": names[int(row.Index)], **refusal})
    return result


def describe_expected(expectation: Expectation, clean: pd.DataFrame, scope: WeekScope) -> list[dict[str, Any]]:
    """Return for each channel the model that predicts its load, and the errors of left-out baseline weeks.

    `cvRmsePct` and `nmbePct` are those of ASHRAE Guideline 14 with no parameter taken off, for no error is of data that
    the level was fitted to; `isSufficient` and `reason` after CalTRACK. None where no week could be left out.
    """
    baseline = pick(clean, starts_within(clean, scope.baseline), ("channel_id", "epoch_s", "interval_s"))
    rows_of, names = split_columns(baseline), channel_names(scope.meters)
    entries = [
        _describe(number, block, rows_of, names, scope)
        for block in expectation.blocks
        for number, channel_id in enumerate(block.matrix.channel_ids.tolist())
        if channel_id in rows_of
    ]
    return sorted(entries, key=lambda entry: entry["channelId"])


def _describe(
    number: int, block: ExpectedDays, rows_of: dict[int, Columns], names: dict[int, str], scope: WeekScope
) -> dict[str, Any]:
    matrix, channel_id = block.matrix, int(block.matrix.channel_ids[number])
    before = np.repeat(matrix.fold >= 0, matrix.slots)
    actual, expected = flat(matrix.power_kw)[number, before], flat(block.expected_kw)[number, before]
    used = ~np.isnan(actual) & ~np.isnan(expected)
    quality = describe_quality(actual[used], expected[used], 0)
    sufficiency = check_sufficiency(rows_of[channel_id], scope.config)
    return {
        "channelId": channel_id,
        "channelName": names[channel_id],
        "model": _WITH_TEMPERATURE if block.weather.is_used[number] else _PROFILE,
        "samples": quality["samples"],
        "cvRmsePct": _rounded(quality["cv_rmse_pct"]),
        "nmbePct": _rounded(quality["nmbe_pct"]),
        "coveragePct": round(float(sufficiency["coverage_pct"]), 1),
        "isSufficient": bool(sufficiency["is_sufficient"]),
        "reason": sufficiency["reason"],
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 1)
