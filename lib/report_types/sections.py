"""The sections of a weekly report but money and supply: what the meters say of themselves and of the building."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from lib.report_types.basics import (
    ByLevel,
    Count,
    Currency,
    Day,
    End,
    Found,
    Insufficient,
    JsonObject,
    Kw,
    Meter,
    MeterInsufficient,
    NotAssessed,
    OpeningHours,
    Time,
    about,
)
from lib.states import Level

Context = Literal["business_hours", "after_hours"]


class SensorType(TypedDict):
    """How many issues of a type there are."""

    type: str
    count: Count
    affectedChannels: Count
    description: str


class SensorIssue(Meter, Found):
    """A fault of a meter or its readings."""

    type: str
    severity: Level
    description: str
    start: NotRequired[Time | None]
    end: NotRequired[Time | None]
    lastReading: NotRequired[Time | None]
    hoursSince: NotRequired[str | None]
    missingIntervals: NotRequired[Count]
    recommendation: NotRequired[str]
    missingPct: NotRequired[float]
    hours: NotRequired[Annotated[float, about("How long it lasted; of single readings, how long they are together.")]]
    gapHours: NotRequired[Annotated[float, about("Without readings before the one that holds their energy.")]]
    powerKw: NotRequired[Kw]
    factor: NotRequired[Annotated[float, about("How many times what it should be.")]]
    phase: NotRequired[int]
    phaseKw: NotRequired[list[float]]
    driftPct: NotRequired[Annotated[float, about("What the register counts more than the power gives.")]]
    coveredBeforePct: NotRequired[Annotated[list[float], about("Lowest and highest share of the weeks before.")]]
    days: NotRequired[Count]
    leastBeforeKwh: NotRequired[Annotated[float, about("What every day before brought at least.")]]


class SensorHealth(TypedDict):
    """What the meters say of themselves."""

    summary: list[SensorType]
    totalIssues: Count
    bySeverity: ByLevel
    issues: list[SensorIssue]


class ClosedBaseline(TypedDict):
    """The power that counts as usual while closed."""

    kw: float
    source: str


class ClosedWeek(TypedDict):
    """What a meter drew while the site was closed."""

    totalAfterHoursKwh: float
    excessAfterHoursKwh: float
    avgPowerKw: float
    maxPowerKw: float
    minPowerKw: float
    intervals: Count


class ClosedImpact(TypedDict):
    """What it cost."""

    excessKwh: float
    excessCost: float
    percentOfTotal: Annotated[float, about("Excess as percent of the meter's energy of the period.")]


class ClosedMeter(Meter, Found):
    """A meter that ran while the site was closed."""

    baseline: ClosedBaseline
    thisWeek: ClosedWeek
    impact: ClosedImpact
    excessIntervals: list[JsonObject]
    isSignificant: bool
    pattern: NotRequired[
        Annotated[
            Literal["recurring", "new", "once", "step", "usual", "raised", "wavers", "habit", "unknown"],
            about("How often it ran so while the site was closed; the last four are of older reports."),
        ]
    ]


class AskedMeter(TypedDict):
    """A meter that runs while the site is closed, and may have to."""

    channelId: int
    channelName: str
    kwh: float
    cost: float


class ClosedSummary(TypedDict):
    """What ran while closed, in sum."""

    totalMetersWithExcess: Count
    totalExcessKwh: float
    totalExcessCost: float
    estimatedAnnualCost: float


class AfterHoursWaste(TypedDict):
    """What ran while the site was closed."""

    schedule: NotRequired[OpeningHours]
    summary: ClosedSummary
    topMeters: list[ClosedMeter]
    notAssessed: NotRequired[list[NotAssessed]]
    asked: NotRequired[
        Annotated[list[AskedMeter], about("Meters that run while the site is closed in every week, and may have to.")]
    ]


class Episode(Meter):
    """A stretch far above or below the usual load."""

    start: Time
    end: End
    peakPower: Kw
    excessKwh: Annotated[float, about("Above the usual level of its hours of the week.")]
    context: Context


class FoundEpisode(Episode, Found):
    """An episode, with what it rests on."""


class ChannelEpisodes(Meter):
    """The episodes of one meter."""

    anomalyCount: Count
    totalExcessKwh: float
    events: list[Episode]


class AnomalySummary(TypedDict):
    """The episodes in sum."""

    totalEvents: Annotated[int, about("Episodes above the usual load.", ge=0)]
    affectedChannels: Count
    totalExcessKwh: float
    belowUsualEvents: NotRequired[
        Annotated[int, about("Episodes below the usual load: direction low in the timeline.", ge=0)]
    ]
    lowEvents: NotRequired[
        Annotated[int, about("The same as belowUsualEvents: a direction. How grave they are is in bySeverity.", ge=0)]
    ]
    bySeverity: NotRequired[Annotated[ByLevel, about("Episodes of either direction by severity.")]]


class Anomalies(TypedDict):
    """Stretches far from the usual load."""

    summary: AnomalySummary
    timeline: list[FoundEpisode]
    byChannel: list[ChannelEpisodes]
    notAssessed: NotRequired[list[NotAssessed]]


class SpikeSummary(TypedDict):
    """The spikes in sum."""

    totalEvents: Count
    affectedChannels: Count
    totalExcessKwh: float


class Spike(Meter, Found):
    """A short peak."""

    start: Time
    end: End
    duration: Annotated[str, about("In words.")]
    intervals: Count
    peakPower: Kw
    totalExcessKwh: float
    partOf: NotRequired[Annotated[JsonObject | None, about("The longer event of the meter in which it lies.")]]


class Spikes(TypedDict):
    """Short peaks."""

    summary: SpikeSummary
    topSpikes: list[Spike]
    byChannel: list[Meter]
    notAssessed: NotRequired[list[NotAssessed]]


class CostRange(TypedDict):
    """The ends of a cost's range."""

    low: float
    high: float


class WinImpact(TypedDict):
    """What a quick win is worth."""

    weeklyKwh: float
    weeklyCost: float
    annualCost: float
    description: NotRequired[str]
    currency: Currency
    annualKwh: NotRequired[float]
    annualCostRange: NotRequired[CostRange]
    basis: Annotated[
        Literal["operating_weeks", "this_week", "one_off", "unconfirmed", "none"],
        about("What the amounts are of; only operating_weeks has amounts of a year."),
    ]
    annualBasis: NotRequired[Annotated[JsonObject, about("What a year is taken to be.")]]
    periodKwh: NotRequired[Annotated[float, about("Of the whole period.")]]
    periodCost: NotRequired[float]


class EnergyAndCost(TypedDict):
    """An energy and its cost."""

    kwh: float
    cost: float


class MidBounds(TypedDict):
    """An amount, with the ends of its range."""

    low: float
    mid: float
    high: float


class BoundedEnergyAndCost(TypedDict):
    """An energy and its cost, with the ends of their ranges."""

    kwh: MidBounds
    cost: MidBounds


class ExpectedAfter(TypedDict):
    """What a meter is expected to draw afterwards."""

    powerKw: float | None
    of: str


class QuickWin(Found):
    """Something to do, and what it is worth."""

    title: str
    type: Literal["after_hours", "anomaly", "confirm", "repair", "base_load", "spike"]
    priority: Level
    impact: WinImpact
    description: str
    recommendations: list[str]
    confidence: Level
    owner: str
    effort: str
    observedWaste: NotRequired[
        Annotated[
            EnergyAndCost,
            about("All that lies above the reference, a week: seen, though not all of it can be avoided."),
        ]
    ]
    addressableWaste: NotRequired[
        Annotated[BoundedEnergyAndCost, about("What can be avoided, a week; its mid is the impact.")]
    ]
    verifiedSavings: NotRequired[
        Annotated[Insufficient, about("Proved by comparing weeks after a change with what was expected.")]
    ]
    when: NotRequired[JsonObject]
    expectedAfter: NotRequired[ExpectedAfter]
    rankScore: NotRequired[Annotated[float, about("Weekly cost × weight of the confidence / weight of the effort.")]]
    atStake: NotRequired[JsonObject | None]
    pattern: NotRequired[
        Annotated[Literal["recurring", "new", "once", "asked"], about("How often it was seen; a repair has none.")]
    ]
    doubts: NotRequired[Annotated[list[str], about("What keeps the claim from being surer.")]]


class LearnedDay(TypedDict):
    """The hours of a weekday, as learned from the load and as declared."""

    weekday: Annotated[int, about("0 is Monday.", ge=0, le=6)]
    learned: str
    declared: list[str]
    earlyMinutes: int
    lateMinutes: int


class ScheduleFinding(Meter, Found):
    """A meter that runs at other hours than declared."""

    description: str
    weekdays: list[LearnedDay]
    hours: float
    kwh: Annotated[
        float, about("Above the base power within the learned hours while the site is closed, in the period.")
    ]
    cost: float
    baseKw: NotRequired[float]
    plateauKw: NotRequired[float]


class ScheduleRefusal(TypedDict):
    """Meters whose hours cannot be learned."""

    channelId: NotRequired[Annotated[int, about("Of reports before version 1.4.")]]
    channelIds: NotRequired[Annotated[list[int], about("The meters of which it is true.")]]
    code: NotRequired[str]
    reason: NotRequired[str]
    missing: str
    status: str
    possibleFrom: NotRequired[Day | None]


class ScheduleDisagreements(TypedDict):
    """Where load and declared hours differ."""

    findings: list[ScheduleFinding]
    notAssessed: list[ScheduleRefusal]


class DurationPoint(TypedDict):
    """A power, and how much of the time it is reached."""

    timePct: float
    powerKw: float


class MeterLoad(Meter):
    """A meter's load in figures."""

    status: Literal["ok"]
    daysAssessed: int
    baseLoadKw: float
    meanKw: float
    peakKw: float
    peakAt: Time
    loadFactor: float | None
    peakToBase: float | None
    baseLoadSharePct: NotRequired[float | None]
    nearPeakHours: NotRequired[float]
    loadDuration: NotRequired[Annotated[list[DurationPoint], about("Of reports before version 1.4.")]]
    durationKw: NotRequired[Annotated[list[float], about("Power that is reached in that much of the time.")]]


class AnnualIntensity(TypedDict):
    """Energy by floor area in a year."""

    status: Literal["ok"]
    kwhPerM2: float
    completenessPct: float


class EnergyIntensity(TypedDict):
    """Energy by floor area."""

    status: Literal["ok"]
    floorAreaM2: float
    periodKwhPerM2: float
    annual: AnnualIntensity | Insufficient


class LoadFacts(TypedDict):
    """The loads in figures."""

    channels: list[MeterLoad | MeterInsufficient]
    energyUseIntensity: EnergyIntensity | Insufficient
    durationPct: NotRequired[Annotated[list[float], about("Percent of the time, of each value of durationKw.")]]
