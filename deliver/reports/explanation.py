"""Puts a traced finding into words, and into JSON. Formats only: numbers come from the report or from `analyze`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analyze.week.finding_trace import list_ids
from deliver.pages.common import currency_of, seen_once, worth_of
from deliver.reports.follow_up import followed_findings, state_words
from deliver.words import formats as fmt

if TYPE_CHECKING:
    import pandas as pd

_LABEL_WIDTH = 11
_SHOWN = ("countedKwh", "reportedKwh", "countedCost", "reportedCost", "agrees", "runs", "revisions", "validationRunId")


def explanation_lines(report: dict[str, Any], finding: dict[str, Any], trace: dict[str, Any], shown: int) -> list[str]:
    """Return the explanation, from the money down to the `shown` intervals of which most is counted."""
    rows = trace["intervals"]
    parts = [
        ("Finding", _title(finding)),
        ("Money", _money(report, finding)),
        ("Tariff", _tariff(report, finding["evidence"])),
        ("Formula", _formula(report, finding)),
        ("Reference", _reference(finding["evidence"])),
        ("Made of", ", ".join(finding["evidence"].get("findingIds", []))),
        ("Schedule", f"closed in {int(rows['is_after_hours'].sum())} of {len(rows)} intervals"),
        ("Quality", _counts(rows["quality"].value_counts().to_dict())),
        ("Runs", _counts({f"ingest run {run}": count for run, count in trace["runs"].items()})
         + f"; latest validation run {trace['validationRunId']}"),
        ("Revised", _counts(trace["revisions"]) or "no value of these intervals was reported otherwise later"),
        ("Adds up", _sum(trace, currency_of(report))),
    ]  # fmt: skip
    # A terminal needs no unbreakable spaces, and a log escapes them.
    lines = [f"{label:<{_LABEL_WIDTH}}{text}".replace("\N{NO-BREAK SPACE}", " ") for label, text in parts if text]
    return lines + _interval_lines(rows, report["metadata"]["period"]["timezone"], shown)


def list_lines(report: dict[str, Any]) -> list[str]:
    """Return the report's findings: what is followed from week to week with where it stands, then each event."""
    lines = [
        f"{each['lastingId']}  {each['title']} [{state_words(each)}]".replace("\N{NO-BREAK SPACE}", " ")
        for each in followed_findings(report)
    ]
    return lines + [f"{key}  {_name(item)}" for key, item in list_ids(report).items()]


def explanation_json(report: dict[str, Any], finding: dict[str, Any], trace: dict[str, Any]) -> dict[str, Any]:
    """Return the whole trace, every interval included."""
    rows = trace["intervals"]
    timezone = report["metadata"]["period"]["timezone"]
    cost = report["sections"].get("costOptimization") or {}
    return {
        "finding": finding,
        "method": (report.get("methods") or {}).get(finding["evidence"]["method"]),
        "tariffs": (cost.get("basis") or {}).get("tariffs"),
        **{key: trace[key] for key in _SHOWN},
        "intervals": [
            {
                "start": moment.tz_convert(timezone).isoformat(),
                "channelId": int(row.channel_id),
                "powerKw": _number(row.mean_kw),
                "energyKwh": _number(row.used_kwh),
                "quality": row.quality,
                "isAfterHours": bool(row.is_after_hours),
                "referenceKw": _number(row.reference_kw),
                "countedKwh": _number(row.counted_kwh),
                "ratePerKwh": _number(row.rate_per_kwh),
            }
            for moment, row in zip(rows["interval_start"], rows.itertuples(), strict=True)
        ],
    }


def _number(value: float) -> float | None:
    return None if value != value else round(float(value), 5)


def _title(finding: dict[str, Any]) -> str:
    return f"{_name(finding)} [{finding['findingId']}]"


def _name(finding: dict[str, Any]) -> str:
    return str(finding.get("title") or finding.get("description") or finding.get("channelName") or "")


def _money(report: dict[str, Any], finding: dict[str, Any]) -> str:
    impact, currency = finding.get("impact") or {}, currency_of(report)
    is_once = seen_once(impact)
    energy, cost = worth_of(impact) if "weeklyKwh" in impact else (impact.get("excessKwh"), impact.get("excessCost"))
    if energy is None or cost is None:
        return "it claims no money itself"
    rate = f" = {fmt.number(energy, 2, 'kWh')} × {cost / energy:.4f} per kWh" if energy else ""
    if is_once:
        return f"{fmt.money(cost, currency, cents=True)}, once{rate}"
    year = f", {fmt.money(impact['annualCost'], currency)} a year" if impact.get("annualCost") is not None else ""
    return f"{fmt.money(cost, currency, cents=True)} in the week{rate}{year}"


def _tariff(report: dict[str, Any], evidence: dict[str, Any]) -> str:
    rate = evidence.get("rate")
    if rate:
        spans = [f"{word} {day}" for word, day in (("from", rate["validFrom"]), ("to", rate["validTo"])) if day]
        valid = f"valid {' '.join(spans)}" if spans else "valid on any day"
        assumed = ", assumed: no utility's tariff" if rate["isAssumed"] else ""
        return f"{rate['tariff']}, {valid}{assumed}; {rate['kind'].replace('_', ' ')} rate of each interval"
    basis = (report["sections"].get("costOptimization") or {}).get("basis")
    if not basis:
        return "an assumed flat rate; the report holds no tariff"
    tariffs = basis["tariffs"]
    assumed = ", assumed: no utility's tariff" if tariffs["is_assumed"] else ""
    source = tariffs["sources"].get(tariffs["current"], "")
    return f"{tariffs['current']} as of {basis['rates_of_month']}{assumed}; source: {source}"


def _formula(report: dict[str, Any], finding: dict[str, Any]) -> str:
    method = finding["evidence"]["method"]
    return f"{method}: {(report.get('methods') or {}).get(method, 'described in analyze/week/finding_names.py')}"


def _plain(value: Any) -> str:
    return " ".join(f"{key} {item}" for key, item in value.items()) if isinstance(value, dict) else str(value)


def _reference(evidence: dict[str, Any]) -> str:
    window = fmt.span(evidence["start"], evidence["end"])
    channels = ", ".join(map(str, evidence["channelIds"])) or "the whole site"
    compared = ", ".join(f"{key} {_plain(value)}" for key, value in evidence["reference"].items())
    return f"{window}, meter {channels}" + (f"; compared with {compared}" if compared else "")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _sum(trace: dict[str, Any], currency: str | None) -> str:
    if trace["countedKwh"] is None:
        return "it counts no energy"
    counted, reported = (
        fmt.number(trace[f"{side}Kwh"], 2, "kWh")
        + (f" and {fmt.money(trace[f'{side}Cost'], currency)}" if trace[f"{side}Cost"] is not None else "")
        for side in ("counted", "reported")
    )
    total = f"{counted} are counted of these intervals"
    if trace["agrees"]:
        return f"{total}, as the report says"
    return f"{total}, the report says {reported}: data or settings have changed since; write the report anew"


def _interval_lines(rows: pd.DataFrame, timezone: str, shown: int) -> list[str]:
    order = rows.sort_values(["counted_kwh", "interval_start"], ascending=[False, True], na_position="last")
    top = order.head(shown).sort_values("interval_start")
    heads = f"{'meter':>10}{'kW':>10}{'kWh':>10}{'against kW':>12}{'counted kWh':>13}{'rate':>8}"
    lines = ["", f"{'interval':<20}{heads}  hours   quality"]
    for moment, row in zip(top["interval_start"], top.itertuples(), strict=True):
        lines.append(
            f"{moment.tz_convert(timezone):%a %Y-%m-%d %H:%M}"
            + f"{row.channel_id:>10}{row.mean_kw:>10.3f}{row.used_kwh:>10.3f}"
            + f"{_text(row.reference_kw):>12}{_text(row.counted_kwh):>13}{_text(row.rate_per_kwh):>8}"
            + f"  {'closed' if row.is_after_hours else 'open':<6}  {row.quality}"
        )
    if len(rows) > shown:
        lines.append(f"… and {len(rows) - shown} more (--intervals {len(rows)}, or --json)")
    return lines


def _text(value: float) -> str:
    return fmt.MISSING if value != value else f"{value:.3f}"
