"""What was found in a week, by ours and by plain rules, and how well that fits what was put there. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from benchmarks.fault_injection import Fault
from benchmarks.measured_meters import HOUR_S, MeasuredWeek

from analyze.expected.closed_runs import Pattern
from analyze.week.site_week import SiteWeek
from config.thresholds import Thresholds

OURS, PLAIN = "ours", "plain"
# Which findings name a fault for what it is. The plain rules have four words only, and each gets the nearest.
ACCEPTED: dict[str, dict[str, set[str]]] = {
    "stuck": {OURS: {"stuck", "flat_line"}, PLAIN: {"flat"}},
    "dead, no readings": {OURS: {"dead", "stale"}, PLAIN: {"gap"}},
    "dead, zeros": {OURS: {"zero", "dead", "stuck"}, PLAIN: {"flat"}},
    "gap": {OURS: {"gap"}, PLAIN: {"gap"}},
    "register reset": {OURS: {"register_reset", "negative_energy"}, PLAIN: set()},
    "catch-up": {OURS: {"catch_up"}, PLAIN: {"spike"}},
    "left on overnight": {OURS: {"after_hours_new", "anomaly_high"}, PLAIN: {"anomaly_high"}},
    "spike": {OURS: {"spike"}, PLAIN: {"spike"}},
    "anomaly high": {OURS: {"anomaly_high"}, PLAIN: {"anomaly_high"}},
    "anomaly low": {OURS: {"anomaly_low"}, PLAIN: set()},
    "step in base load": {OURS: {"base_load_step", "level_step", "anomaly_high"}, PLAIN: {"anomaly_high"}},
    "wrong multiplier": {OURS: {"wrong_unit"}, PLAIN: {"anomaly_high"}},
    "clock-change doubling": {OURS: {"clock_change"}, PLAIN: {"spike"}},
    "reversed sign": {OURS: {"reversed", "negative_energy"}, PLAIN: set()},
    "interpolated": {OURS: {"interpolated", "stuck"}, PLAIN: {"flat"}},
}
ABSENCES = {"dead", "stale", "gap", "missing_data", "no_data"}  # no false alert where the readings are truly missing
ALERTING = {"high", "medium"}
MIN_SHARE_INSIDE = 0.1  # of a finding, within the fault that it is to be about: a week-long one does not find an hour
TUKEY_MULTIPLIER, SPIKE_MULTIPLIER, MIN_RUN, FLAT_HOURS, FLAT_VARIANCE_KW2, MAX_MISSING = 3.0, 1.5, 3, 6, 0.01, 2


class Finding(NamedTuple):
    """One thing that a detector says about a stretch of time of a channel."""

    kind: str
    severity: str
    channel_id: int
    start: pd.Timestamp
    end: pd.Timestamp


class Outcome(NamedTuple):
    """How one injected fault fared: found, how late, and what else was said that is not so."""

    is_found: bool
    false_findings: int
    delay_hours: float
    seen_as: tuple[str, ...]


def list_our_findings(result: SiteWeek) -> list[Finding]:
    """Return the findings of a week's report that speak of a stretch of time.

    After-hours waste is a finding where the meter's `pattern` is new, for what a meter draws by habit is no event. A
    sustained spike is a raised level. A level that changed for good lasts to the period's end. These last two and the
    waste have no severity of their own in the report; a new waste is an alert, a level's change is news only.
    """
    sections = result.sections
    found = [_from_issue(issue, result) for issue in sections["sensorHealth"]["issues"]]
    found += [_from_anomaly(event) for event in sections["anomalies"]["timeline"]]
    for channel in sections["spikes"]["byChannel"]:
        for event in channel["events"]:
            kind = "sustained_spike" if event["isSustained"] else "spike"
            found.append(_finding(kind, event["severity"], channel["channelId"], event["start"], event["end"]))
    for step in sections["anomalies"]["steps"]:
        found.append(_finding("level_step", "low", step["channelId"], step["at"], result.period.end))
    for meter in sections["afterHoursWaste"]["topMeters"]:
        if meter["pattern"] in (Pattern.NEW, Pattern.ONCE):
            found.append(_finding("after_hours_new", "medium", meter["channelId"], *result.period))
    return found


def _finding(kind: str, severity: str, channel_id: int, start: Any, end: Any) -> Finding:
    start, end = (pd.Timestamp(moment).tz_convert("UTC") for moment in (start, end))
    return Finding(kind, severity, int(channel_id), start, end)


def _from_issue(issue: dict[str, Any], result: SiteWeek) -> Finding:
    start, end = issue.get("start", result.period.start), issue.get("end", result.period.end)
    if issue["type"] == "stale":
        start = issue["lastReading"]
    return _finding(issue["type"], issue["severity"], issue["channelId"], start, end)


def _from_anomaly(event: dict[str, Any]) -> Finding:
    kind = f"anomaly_{event.get('direction', 'high')}"
    return _finding(kind, event["severity"], event["channelId"], event["start"], event["end"])


def list_plain_findings(week: MeasuredWeek, readings: pd.DataFrame) -> list[Finding]:
    """Return what textbook rules find: Q3 + 3 · IQR by hour of the week, 1.5 × its p95, flat for 6 h, 3 missing."""
    found: list[Finding] = []
    for channel_id, rows in readings.groupby("channel_id"):
        rows = rows.reset_index(drop=True)
        local = rows["interval_start"].dt.tz_convert(week.tz)
        hour = local.dt.day_of_week * 24 + local.dt.hour
        usual = rows["power_kw"][(rows["interval_start"] < week.period.start)].groupby(hour)
        q1, q3, p95 = (hour.map(usual.quantile(share)) for share in (0.25, 0.75, 0.95))
        power_kw, length = rows["power_kw"], FLAT_HOURS * HOUR_S // int(rows["interval_s"].iloc[0])
        flags = {
            ("anomaly_high", MIN_RUN): power_kw > q3 + TUKEY_MULTIPLIER * (q3 - q1),
            ("spike", 1): power_kw > SPIKE_MULTIPLIER * p95,
            ("flat", 1): power_kw.rolling(length).var() < FLAT_VARIANCE_KW2,
        }
        inside = rows["interval_start"] >= week.period.start
        for (kind, least), flag in flags.items():
            found += _runs(kind, int(channel_id), rows[inside], flag[inside], least)
        found += _plain_gaps(int(channel_id), rows, week)
    return found


def _runs(kind: str, channel_id: int, rows: pd.DataFrame, flag: pd.Series, least: int) -> list[Finding]:
    step = pd.to_timedelta(rows["interval_s"], unit="s")
    breaks = (flag != flag.shift()) | (rows["interval_start"].diff() != step)
    ends = (rows["interval_start"] + step)[flag].groupby(breaks.cumsum()[flag])
    starts = rows["interval_start"][flag].groupby(breaks.cumsum()[flag]).first()
    return [
        Finding(kind, "medium", channel_id, start, end)
        for start, end, count in zip(starts, ends.last(), ends.size(), strict=True)
        if count >= least
    ]


def _plain_gaps(channel_id: int, rows: pd.DataFrame, week: MeasuredWeek) -> list[Finding]:
    period_end = pd.Series([pd.Timestamp(week.period.end)])
    step = pd.Timedelta(seconds=int(rows["interval_s"].iloc[0]))
    begins = (rows["interval_start"] + step).clip(lower=pd.Timestamp(week.period.start))
    ends = pd.concat([rows["interval_start"].iloc[1:], period_end], ignore_index=True)
    is_gap = (ends - begins) > MAX_MISSING * step
    return [Finding("gap", "medium", channel_id, *pair) for pair in zip(begins[is_gap], ends[is_gap], strict=True)]


def is_about(finding: Finding, fault: Fault) -> bool:
    """Return whether a finding shares time with a fault, and enough of the finding lies within it."""
    shared = min(finding.end, fault.end) - max(finding.start, fault.start)
    return finding.channel_id == fault.channel_id and shared > max(
        pd.Timedelta(0), MIN_SHARE_INSIDE * (finding.end - finding.start)
    )


def is_borne_out(finding: Finding, readings: pd.DataFrame) -> bool:
    """Return whether a finding of absence is a plain fact: no reading within it, or, for missing data, too few.

    What was not measured is no mistake of the detector, whoever took the readings away.
    """
    rows = readings[readings["channel_id"] == finding.channel_id]
    start = rows["interval_start"]
    if finding.kind == "missing_data":
        inside = rows["interval_s"][(start >= finding.start) & (start < finding.end)].sum()
        missing_pct = 100 * (1 - inside / (finding.end - finding.start).total_seconds())
        return missing_pct > Thresholds().sensors.missing_max_pct
    # The report gives a silence by the start of its last reading, which is therefore outside.
    is_after = start > finding.start if finding.kind == "stale" else start >= finding.start
    return finding.kind in ABSENCES and not (is_after & (start < finding.end)).any()


def judge(
    fault: Fault, found: list[Finding], clean: list[Finding], readings: pd.DataFrame, accepted: set[str]
) -> Outcome:
    """Return how a fault fared, where `found` is what was said with it and `clean` what was said without it.

    Further findings about the same fault count neither for nor against: a fault that is told in three pieces was found
    once, and none of them is untrue.
    """
    named = [finding for finding in found if finding.kind in accepted]
    about = [finding for finding in named if is_about(finding, fault)]
    false = [item for item in named if not is_about(item, fault) and not is_borne_out(item, readings)]
    delay = min((max(0.0, (item.start - fault.start).total_seconds()) for item in about), default=np.nan) / HOUR_S
    fresh = {finding.kind for finding in found if finding not in clean and is_about(finding, fault)}
    return Outcome(bool(about), len(false), delay, tuple(sorted(fresh)))


def list_false_alerts(found: list[Finding], readings: pd.DataFrame) -> list[Finding]:
    """Return the alerts of a week without a fault: severity medium or high, true gaps in the data left out."""
    return [item for item in found if item.severity in ALERTING and not is_borne_out(item, readings)]


def score_events(outcomes: list[Outcome]) -> tuple[float, float, float]:
    """Return recall, precision and F1 of one kind's events; precision is NaN where nothing was said."""
    hits, false = sum(item.is_found for item in outcomes), sum(item.false_findings for item in outcomes)
    recall = hits / len(outcomes)
    precision = hits / (hits + false) if hits + false else np.nan
    return recall, precision, 2 * hits / (hits + false + len(outcomes))


def roc_auc(is_positive: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the chance that a positive scores above a negative, ties counting half (Mann & Whitney 1947)."""
    positive, value = np.asarray(is_positive, dtype=bool), np.asarray(score, dtype=float)
    _, index, counts = np.unique(value, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[index]
    n_positive, n_negative = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def precision_and_recall(is_positive: npt.ArrayLike, is_called: npt.ArrayLike) -> tuple[float, float]:
    """Return how many of those called are positive, and how many of the positive are called."""
    positive, called = np.asarray(is_positive, dtype=bool), np.asarray(is_called, dtype=bool)
    hits = int((positive & called).sum())
    return hits / max(int(called.sum()), 1), hits / max(int(positive.sum()), 1)


def best_f1(is_positive: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the highest F1 that any threshold on the score gives."""
    positive, value = np.asarray(is_positive, dtype=bool), np.asarray(score, dtype=float)
    order = np.argsort(-value, kind="stable")
    hits, called = np.cumsum(positive[order]), np.arange(1, value.size + 1)
    is_threshold = np.append(np.diff(value[order]) != 0, True)  # equal scores are called together
    return float((2 * hits / (called + positive.sum()))[is_threshold].max())
