"""The schemas come from the types of the reports, and refuse what breaks any kind of limit."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from copy import deepcopy
from functools import cache
from typing import Annotated, Any, Literal, NotRequired, TypedDict, is_typeddict

import pytest
from msgspec import Meta
from report_factory import make_report
from test_report_family import family

import lib.report_types
from lib.paths import SCHEMAS_DIR
from lib.report_schema import find_breach
from lib.states import Level
from operations.reference.report_schemas import REPORTS, render_report_schemas, schema_of

REMEDY = "make them anew: python operations/write_reference.py"
GONE = object()


@cache
def reports() -> dict[str, dict[str, Any]]:
    return {"weekly_report": make_report()} | family()


def changed(name: str, place: str, value: Any) -> dict[str, Any]:
    """Return a report with another value at a place such as ``sections.quickWins.0.title``, or without that key."""
    report = deepcopy(reports()[name])
    *parents, last = (int(part) if part.isdigit() else part for part in place.split("."))
    part: Any = report
    for parent in parents:
        part = part[parent]
    assert last in part or isinstance(last, int) or value is not GONE, place
    if value is GONE:
        del part[last]
    else:
        part[last] = value
    return report


def test_schemas_are_current() -> None:
    rendered = render_report_schemas()
    assert {path.name.removesuffix(".schema.json") for path in SCHEMAS_DIR.iterdir()} == set(rendered)
    for name, text in rendered.items():
        assert (SCHEMAS_DIR / f"{name}.schema.json").read_text(encoding="utf-8") == text, REMEDY


def test_no_two_types_of_reports_share_a_name() -> None:
    modules = [module.name for module in pkgutil.iter_modules(lib.report_types.__path__, "lib.report_types.")]
    own = [
        kind.__name__
        for module in map(importlib.import_module, modules)
        for kind in vars(module).values()
        if is_typeddict(kind) and kind.__module__ == module.__name__
    ]
    assert [name for name, count in Counter(own).items() if count > 1] == []


def test_every_kind_of_report_keeps_its_schema() -> None:
    assert set(reports()) == set(REPORTS)
    for name, report in reports().items():
        assert find_breach(report, name) is None


@pytest.mark.parametrize(
    ("place", "value"),
    [
        # a key that is asked for
        ("metadata", GONE), ("metadata.site.siteName", GONE), ("metadata.validation", GONE),
        ("metadata.baseline.weeksCount", GONE), ("summary.result", GONE), ("summary.attention.0.text", GONE),
        ("summary.totalPotentialSavings.costOptimizationAnnual", GONE), ("consumption.cost.isAssumed", GONE),
        ("sections.electricalHealth", GONE), ("sections.sensorHealth.bySeverity.low", GONE),
        ("sections.sensorHealth.issues.0.evidence", GONE), ("sections.afterHoursWaste.topMeters.0.findingId", GONE),
        ("sections.afterHoursWaste.topMeters.0.thisWeek.intervals", GONE), ("sections.quickWins.0.impact.basis", GONE),
        ("sections.anomalies.timeline.0.context", GONE), ("sections.spikes.topSpikes.0.duration", GONE),
        ("sections.loadFacts.channels.0.peakAt", GONE), ("sections.loadFacts.channels.0.status", GONE),
        ("sections.electricalHealth.meters.0.issues.0.limit", GONE), ("charts.hourly.leftOut", GONE),
        ("dataQuality.avgCompleteness", GONE), ("methods", GONE),
        # a type
        ("metadata.site.siteId", "7"), ("metadata.validation.isForced", 0), ("metadata.reportVersion", 1.4),
        ("summary.headline", "one"), ("summary.topRisks", [1]), ("consumption.totalKwh", None),
        ("consumption.daily.0.energyKwh", "1"), ("sections.quickWins", {}),
        ("sections.quickWins.0.recommendations", ""),
        ("sections.afterHoursWaste.topMeters.0.excessIntervals", [1]), ("charts.anomalyTimeline", [1]),
        ("charts.hourly.actualKwh", ["1"]), ("methods", {"closed_use": 1}), ("sections.forecast", "none"),
        ("sections.sensorHealth.issues.0.hoursSince", 3), ("sections.quickWins.0.when", []),
        # a word of a list
        ("metadata.dataSource.kind", "guess"), ("metadata.validation.verdict", "ajar"),
        ("metadata.validation.reach", "town"), ("metadata.reportKind", "customer"),
        ("summary.attention.0.kind", "gossip"), ("consumption.byChannel.0.kind", "toaster"),
        ("consumption.comparison.reason", "too_dull"), ("sections.sensorHealth.issues.0.severity", "grave"),
        ("sections.afterHoursWaste.topMeters.0.pattern", "seldom"), ("sections.quickWins.0.priority", "urgent"),
        ("sections.quickWins.0.confidence", None), ("sections.quickWins.0.type", "dream"),
        ("sections.quickWins.0.impact.basis", "hope"), ("sections.quickWins.0.pattern", "habit"),
        ("sections.anomalies.timeline.0.context", "night"),
        # a limit
        ("metadata.site.siteId", 0), ("metadata.baseline.weeksCount", -1), ("summary.headline", []),
        ("sections.sensorHealth.totalIssues", -1), ("sections.afterHoursWaste.topMeters.0.thisWeek.intervals", -1),
        ("charts.hourly.intervalSeconds", 0), ("charts.hourly.meters.0.unitKwh", 0),
        ("charts.heatMap24x7", [[None] * 24]),
        ("charts.heatMap24x7.0", [None] * 23), ("charts.heatMap24x7.0", [None] * 25),
        ("dataQuality.avgCompleteness", 100.1), ("dataQuality.avgCompleteness", -0.1),
        # a form
        ("metadata.generatedAt", "2026-01-19T12:00:00"), ("metadata.period.start", "2026-01-12"),
        ("consumption.daily.0.date", "12 January"), ("consumption.cost.currency", "usd"),
        ("sections.quickWins.0.impact.currency", "$"), ("sections.sensorHealth.issues.0.findingId", "gap 1"),
        ("sections.sensorHealth.issues.0.start", "Monday"), ("sections.sensorHealth.issues.0.evidence.start", "Monday"),
        ("charts.dailyCompleteness.days.0", "2026-1-12"), ("sections.loadFacts.channels.0.peakAt", "noon"),
        # one of two forms
        ("consumption.carbon", {"kgCo2e": 1.0}), ("sections.costOptimization", {"status": "ok"}),
        ("sections.forecast", {"status": "unavailable"}), ("sections.loadFacts.energyUseIntensity", {"status": "ok"}),
        ("consumption.carbon", {"kgCo2e": 1, "factorKgPerKwh": 1, "source": "", "status": "unavailable", "reason": ""}),
    ],
)  # fmt: skip
def test_a_weekly_report_that_breaks_a_limit_is_refused(place: str, value: Any) -> None:
    assert find_breach(changed("weekly_report", place, value), "weekly_report")


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("customer_report", "metadata.reportKind", "weekly"), ("customer_report", "metadata.site.currencyCode", GONE),
        ("customer_report", "branding.color", "red"), ("customer_report", "branding.logo", "https://example.com/x.png"),
        ("customer_report", "actions", [{}]), ("customer_report", "energy.comparison.meters", -1),
        ("customer_report", "outlook", {"expectedKwh": 1.0}), ("customer_report", "moreActions", -1),
        ("customer_report", "cost", {"currency": "USD"}), ("customer_report", "charts.hourly.closed", GONE),
        ("customer_report", "metadata.period.start", "2026-01-12"), ("customer_report", "carbon", 1),
        ("asset_health", "metadata.reportKind", "asset"), ("asset_health", "assets.0.status", "blue"),
        ("asset_health", "assets.0.reasons", [{"about": "luck", "severity": "low", "text": "", "findingId": None}]),
        ("asset_health", "counts.grey", GONE), ("asset_health", "summary.headline", []),
        ("electrical_health", "metadata.reportKind", GONE), ("electrical_health", "electrical", {"status": "fine"}),
        ("electrical_health", "electrical.meters.0.measures", GONE),
        ("electrical_health", "electrical.siteIssues", GONE),
        ("monthly_summary", "month", "2026-1"), ("monthly_summary", "trend.0.coveredPct", GONE),
        ("monthly_summary", "measures.0.savings", 200.0), ("monthly_summary", "changeOnYearBefore.changePct", "1"),
        ("monthly_summary", "byChannel.0.isRoot", "yes"), ("monthly_summary", "cost", None),
        ("portfolio_overview", "sites", []), ("portfolio_overview", "sites.0.siteId", 0),
        ("portfolio_overview", "sites.0.status", "fine"), ("portfolio_overview", "sites.0.totalKwh", GONE),
        ("portfolio_overview", "sites.1.reason", GONE), ("portfolio_overview", "metadata.reportKind", "weekly"),
        ("portfolio_overview", "totals.savings", {}), ("portfolio_overview", "warnings", [1]),
    ],
)  # fmt: skip
def test_any_report_that_breaks_a_limit_is_refused(name: str, place: str, value: Any) -> None:
    assert find_breach(changed(name, place, value), name)


@pytest.mark.parametrize(
    ("place", "value", "is_refused"),
    [
        ("summary.result", GONE, False),
        ("sections.quickWins.0.impact.basis", GONE, False),
        ("sections.quickWins.0.impact.basis", "hope", True),
        ("metadata.site.siteName", GONE, True),
        ("metadata.validation.verdict", GONE, True),
        ("metadata.site", {}, True),
        ("metadata", GONE, True),
    ],
)
def test_an_older_report_may_lack_what_is_not_in_its_metadata(place: str, value: Any, is_refused: bool) -> None:
    found = find_breach(changed("weekly_report", place, value), "weekly_report", may_lack_keys=True)
    assert (found is not None) is is_refused


class Other(TypedDict):
    what: Literal[1]


class Small(TypedDict):
    """A type with something of each kind."""

    count: Annotated[int, Meta(description="How many.", ge=0)]
    level: Level | None
    name: NotRequired[str | None]
    days: Annotated[list[Annotated[str, Meta(title="date", pattern="^x$")]], Meta(min_length=1, max_length=7)]
    weeks: Literal[0, 4]
    by_name: dict[str, float]
    other: Other | bool


def test_a_type_becomes_its_schema() -> None:
    definitions: dict[str, Any] = {}
    assert schema_of(Small, definitions) == {"$ref": "#/$defs/Small"}
    assert definitions == {
        "date": {"type": "string", "pattern": "^x$"},
        "Other": {"type": "object", "required": ["what"], "properties": {"what": {"const": 1}}},
        "Small": {
            "description": "A type with something of each kind.",
            "type": "object",
            "required": ["count", "level", "days", "weeks", "by_name", "other"],
            "properties": {
                "count": {"type": "integer", "minimum": 0, "description": "How many."},
                "level": {"enum": ["high", "medium", "low", None]},
                "name": {"type": ["string", "null"]},
                "days": {"type": "array", "items": {"$ref": "#/$defs/date"}, "minItems": 1, "maxItems": 7},
                "weeks": {"enum": [0, 4]},
                "by_name": {"type": "object", "additionalProperties": {"type": "number"}},
                "other": {"oneOf": [{"$ref": "#/$defs/Other"}, {"type": "boolean"}]},
            },
        },
    }


def test_a_type_that_json_has_not_is_refused() -> None:
    with pytest.raises(TypeError, match="no report holds <class 'complex'> yet"):
        schema_of(complex, {})
