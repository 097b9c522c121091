"""The electrical supply: voltage, balance, frequency, currents, harmonics, power factor of each meter."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from lib.report_types.basics import Found, JsonObject, Meter, PossibleFrom, Time, about
from lib.states import Level


class LimitBreach(TypedDict):
    """A quantity of the supply beyond its limit."""

    type: str
    severity: Level
    description: str
    limit: float
    source: Annotated[str, about("Standard or clause that the limit comes from.")]


class ElectricalIssue(LimitBreach, Found):
    """A quantity of the supply beyond its limit, with when and how far."""

    start: Time
    end: Time
    hours: float
    worst: float
    isBelow: NotRequired[Annotated[bool, about("Whether the limit is one that it fell below.")]]
    recommendation: NotRequired[str]


class LevelCounts(TypedDict):
    """How many there are of each level."""

    high: int
    medium: int
    low: int


class ElectricalCounts(TypedDict):
    """How many meters and issues there are."""

    metersAssessed: int
    totalIssues: int
    bySeverity: LevelCounts


class ElectricalSummary(ElectricalCounts):
    """How many meters and issues there are, and what the supply is taken for."""

    nominalFrequencyHz: float | None


class ElectricalMeter(Meter):
    """A meter's supply."""

    measures: NotRequired[
        Annotated[JsonObject, about("Of reports before version 1.4; the electrical health report has them.")]
    ]
    issues: list[ElectricalIssue]


class MeasureRefusal(TypedDict):
    """A quantity that could not be assessed."""

    status: Literal["insufficient_data"]
    code: str
    missing: Annotated[str, about("What would have to be there.")]
    possibleFrom: NotRequired[PossibleFrom]
    channelId: NotRequired[Annotated[int, about("Channel id of the service. Of reports before version 1.4.")]]
    channelName: NotRequired[
        Annotated[str, about("Name of the channel; text from outside, to be escaped where shown.")]
    ]
    measure: str
    channelIds: NotRequired[Annotated[list[int], about("The meters of which it is true.")]]


class ElectricalHealth(TypedDict):
    """The supply, as the weekly report has it."""

    summary: ElectricalSummary
    meters: list[ElectricalMeter]
    siteIssues: list[ElectricalIssue]
    notAssessed: list[MeasureRefusal]


class MeasuredMeter(Meter):
    """A meter's supply with its quantities."""

    measures: JsonObject
    issues: list[LimitBreach]


class BriefRefusal(TypedDict):
    """A quantity that could not be assessed."""

    measure: str
    missing: str


class WholeElectricalHealth(TypedDict):
    """The supply, as its own report has it."""

    summary: ElectricalCounts
    meters: list[MeasuredMeter]
    siteIssues: list[LimitBreach]
    notAssessed: list[BriefRefusal]
