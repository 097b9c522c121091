"""The reports beside the weekly one: for customers, on equipment, on the supply, on a month."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from lib.report_types.basics import Count, Day, JsonObject, OpeningHours, Unavailable, about
from lib.report_types.bills import CostByOwner, UtilityBills
from lib.report_types.charts import OLD, LoadHour, SiteHours
from lib.report_types.electrical import WholeElectricalHealth
from lib.report_types.head import (
    AssetMetadata,
    CustomerMetadata,
    ElectricalMetadata,
    MonthlyMetadata,
    ToldResult,
)
from lib.report_types.use import IsAtLeast, MayCountTwice, MeteredKwh
from lib.states import Level

Color = Literal["red", "amber", "green", "grey"]


class CustomerBranding(TypedDict):
    """Whose report it is."""

    name: str
    color: Annotated[str, Meta(pattern=r"^(#[0-9a-f]{6})?$")]
    logo: Annotated[str, Meta(pattern=r"^(data:image/(png|jpeg|svg\+xml);base64,[A-Za-z0-9+/=]+)?$")]
    contact: str


class CustomerDay(TypedDict):
    """The site's energy on a day."""

    date: Day
    energyKwh: float | None


class MetersCompared(TypedDict):
    """Of the meters, how many could be compared with the usual week."""

    meters: Count
    ofMeters: Count


class CustomerEnergy(TypedDict):
    """What the site used, in kWh."""

    totalKwh: float
    meteredKwh: NotRequired[MeteredKwh]
    estimatedKwh: NotRequired[Annotated[float, about("Of totalKwh, what is not as metered.")]]
    mayCountTwice: NotRequired[MayCountTwice]
    isAtLeast: NotRequired[IsAtLeast]
    usualKwh: float | None
    changePct: float | None
    daily: list[CustomerDay]
    comparison: MetersCompared


class CustomerCost(TypedDict):
    """What the energy cost."""

    energyCost: float
    currency: str | None


class CustomerSavings(TypedDict):
    """What the listed actions are worth."""

    weeklyKwh: Annotated[float, about("Of the listed actions, what comes back every week.")]
    weeklyCost: float
    estimatedAnnual: float
    onceKwh: Annotated[float, about("Of the listed actions, what was seen on one day.")]
    onceCost: float


class CustomerAction(TypedDict):
    """Something to do, who does it, and what it is worth."""

    findingId: str | None
    title: str
    steps: list[str]
    who: str
    effort: str
    weeklyKwh: float
    weeklyCost: float
    annualCost: float
    annualKwh: float
    basis: Annotated[str, about("operating_weeks: recurs; this_week and one_off: the period's amounts alone.")]


class Outlook(TypedDict):
    """The week ahead."""

    expectedKwh: float
    changePct: float


class CustomerData(TypedDict):
    """How far the readings carry the report."""

    completenessPct: float
    meters: int
    metersInTrouble: int


class CustomerCharts(TypedDict):
    """What the customer report's charts are drawn from."""

    hourly: SiteHours
    siteLoad: NotRequired[Annotated[list[LoadHour], OLD]]


class CustomerReport(TypedDict):
    """What deliver/generate_customer_report.py writes. Energy is kWh, cost the currency named. Readers may rely on
    every key that is required here; further keys may be added at any time."""

    metadata: CustomerMetadata
    summary: ToldResult
    branding: CustomerBranding
    energy: CustomerEnergy
    cost: CustomerCost | None
    carbon: JsonObject | None
    savings: CustomerSavings
    actions: Annotated[list[CustomerAction], Meta(max_length=5)]
    moreActions: Annotated[int, about("Quick wins beyond those listed; their worth is in no figure here.", ge=0)]
    outlook: Outlook | None
    data: CustomerData
    charts: CustomerCharts
    schedule: NotRequired[OpeningHours]


class AssetReason(TypedDict):
    """Why a piece of equipment has its color."""

    about: Literal["meter", "supply", "use"]
    severity: Level
    text: str
    findingId: str | None


class Asset(TypedDict):
    """A piece of equipment and its color."""

    channelId: int
    channelName: str
    status: Color
    reasons: list[AssetReason]
    energyKwh: float | None
    peakKw: float | None
    baseLoadKw: float | None
    loadFactor: float | None
    completenessPct: float | None


class ColorCounts(TypedDict):
    """How many pieces of equipment have each color."""

    red: int
    amber: int
    green: int
    grey: int


class AssetReport(TypedDict):
    """What deliver/generate_asset_health.py writes; analyze/week/asset_health.py tells what makes a color. Readers may
    rely on every key that is required here; further keys may be added at any time."""

    metadata: AssetMetadata
    summary: ToldResult
    counts: ColorCounts
    assets: list[Asset]


class NotMeasured(TypedDict):
    """A supply of which nothing is known."""

    status: Literal["unavailable", "insufficient_data"]


class ElectricalReport(TypedDict):
    """What deliver/generate_electrical_health.py writes. Voltages are V, frequencies Hz, the rest percent; the power
    factor is 0 to 1. Readers may rely on every key that is required here; further keys may be added at any time."""

    metadata: ElectricalMetadata
    summary: ToldResult
    electrical: NotMeasured | WholeElectricalHealth


class TrendMonth(TypedDict):
    """A month's energy, and how much of it is covered, in percent."""

    month: str
    energyKwh: float | None
    coveredPct: float


class MonthChange(TypedDict):
    """The change of the mean energy a day on another month."""

    month: str
    meters: int
    changePct: float | None


class MeterMonth(TypedDict):
    """A meter's month."""

    channelId: int
    channelName: str
    energyKwh: float
    sharePct: float | None
    changePct: float | None
    isRoot: bool
    parentChannelId: NotRequired[Annotated[int | None, about("The main that holds its energy.")]]


class Measure(TypedDict):
    """A change that was made, and what it saved."""

    name: str
    channelId: int
    change: str
    status: str
    missing: list[JsonObject]
    savings: JsonObject | None


class MonthlyReport(TypedDict):
    """What deliver/generate_monthly_summary.py writes. Energy is kWh; changes compare the mean energy a day. Readers
    may rely on every key that is required here; further keys may be added at any time."""

    metadata: MonthlyMetadata
    summary: ToldResult
    month: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}$")]
    totalKwh: float
    mayCountTwice: NotRequired[MayCountTwice]
    trend: list[TrendMonth]
    changeOnMonthBefore: MonthChange
    changeOnYearBefore: MonthChange
    byChannel: list[MeterMonth]
    cost: Annotated[JsonObject, about("The section costOptimization of the weekly report, of this month.")]
    measures: list[Measure]
    costByOwner: NotRequired[
        Annotated[CostByOwner | Unavailable | None, about("Whose part of the bill is whose; null without owners.")]
    ]
    utilityBills: NotRequired[
        Annotated[
            UtilityBills | None, about("The utility's bills beside what was metered; null where none is entered.")
        ]
    ]
