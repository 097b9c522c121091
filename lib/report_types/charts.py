"""What a report's charts are drawn from."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from msgspec import Meta

from lib.report_types.basics import Day, JsonObject, Stretch, Time, about
from lib.report_types.money import ForecastHour

OLD = about("Of reports before version 1.4.")


class RankedMeter(TypedDict):
    """A bar of the after-hours chart."""

    name: str
    excessKwh: float
    cost: float


class MeterHours(TypedDict):
    """The intervals of one meter as whole numbers of a unit."""

    channelId: int
    channelName: Annotated[str, about("Text from outside.")]
    unitKwh: Annotated[float, about("By which the series are to be multiplied.", gt=0)]
    actual: Annotated[list[int | None], about("The best estimate.")]
    expected: NotRequired[
        Annotated[list[int | None], about("What like days and the weather lead to; of meters with a finding.")]
    ]


class Holiday(TypedDict):
    """A day that is closed."""

    date: Day
    name: str


class LeftOutStretch(Stretch):
    """A stretch of a meter's readings that is wrong."""

    channelId: int


class SiteHours(TypedDict):
    """The hours of the period, in kWh; each series has a value for each interval from the start on, null where nothing
    is known."""

    start: Time
    intervalSeconds: Annotated[int, Meta(ge=1)]
    actualKwh: Annotated[list[float | None], about("Of the site's main meters, the best estimate.")]
    estimatedKwh: Annotated[list[float | None], about("Of actualKwh, what is not as metered.")]
    expectedKwh: Annotated[list[float | None], about("What like days and the weather lead to; null without a basis.")]
    closed: Annotated[list[Stretch], about("When the site is closed.")]
    holidays: list[Holiday]


class Hours(SiteHours):
    """The hours of the period, in kWh; each series has a value for each interval from the start on, null where nothing
    is known."""

    meters: Annotated[list[MeterHours], about("The largest meters, and all of which there is a finding.")]
    leftOut: Annotated[list[LeftOutStretch], about("Stretches of a meter's readings that are wrong.")]


class LoadHour(TypedDict):
    """The site's energy in an hour, in kWh."""

    timestamp: Time
    actualKwh: Annotated[
        float | None,
        about(
            "Of the site's main meters, in the hour that begins here, the best estimate; null where nothing is known."
        ),
    ]
    expectedKwh: Annotated[float | None, about("What like days and the weather lead to; null without a basis.")]


class SiteLoadHour(LoadHour):
    """The site's energy in an hour, in kWh, with the band of what was expected."""

    meters: int
    estimatedKwh: NotRequired[Annotated[float | None, about("Of actualKwh, what is not as metered.")]]
    lowKwh: NotRequired[Annotated[float | None, about("Lower end of the band of expectedKwh.")]]
    highKwh: NotRequired[Annotated[float | None, about("Upper end of the band of expectedKwh.")]]


class MeterCompleteness(TypedDict):
    """How much of each day a meter's readings cover, in percent."""

    channelId: int
    channelName: str
    completenessPct: list[float | None]


class DailyCompleteness(TypedDict):
    """Of each energy meter and local day, how much its readings cover, in percent."""

    days: list[Day]
    channels: list[MeterCompleteness]


class DayCompleteness(TypedDict):
    """How much of a day the readings cover, in percent."""

    date: Day
    completenessPct: float


class MeterDays(TypedDict):
    """The days of a meter."""

    channelId: int
    channelName: str
    days: list[DayCompleteness]


class PeriodCost(TypedDict):
    """What a period of a tariff cost."""

    name: str
    kwh: float
    cost: float
    hours: float


HeatMapDay = Annotated[list[float | None], Meta(min_length=24, max_length=24)]


class Charts(TypedDict):
    """What the weekly report's charts are drawn from."""

    afterHoursRanking: list[RankedMeter]
    anomalyTimeline: list[JsonObject]
    spikeEvents: list[JsonObject]
    hourly: Hours
    siteLoad: NotRequired[Annotated[list[SiteLoadHour], OLD]]
    heatMap24x7: Annotated[
        list[HeatMapDay],
        about("Mean power of the site in kW, by weekday (Monday first) and hour.", min_length=7, max_length=7),
    ]
    dailyCompleteness: DailyCompleteness
    completenessByDay: NotRequired[Annotated[list[MeterDays], OLD]]
    costByPeriod: list[PeriodCost]
    forecastBand: NotRequired[Annotated[list[ForecastHour], OLD]]
