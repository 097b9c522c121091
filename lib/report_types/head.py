"""What every report begins with: its site and period, and the validation of the data behind it."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from lib.report_types.basics import End, Time, about
from lib.states import BreakerState, DataSource, Reach


class ReportSite(TypedDict):
    """The site, as the service knows it."""

    siteId: Annotated[int, Meta(ge=1)]
    siteName: Annotated[str, about("Text from outside.")]
    address: str | None
    city: str | None
    country: str | None


class PricedSite(ReportSite):
    """The site, with the currency of its amounts."""

    currencyCode: str | None


class WeeklySite(ReportSite):
    """The site; weekly reports of earlier versions have no currency."""

    currencyCode: NotRequired[str | None]


class Period(TypedDict):
    """The report's period, in the site's time zone."""

    start: Time
    end: End
    timezone: Annotated[str, about("IANA name.")]


class Baseline(TypedDict):
    """The weeks that the period is compared with."""

    start: Time
    end: End
    weeksCount: Annotated[int, Meta(ge=0)]


class Source(TypedDict):
    """Where the readings come from."""

    kind: DataSource
    note: Annotated[str, about("Says plainly when the data are not measured.")]


class Validation(TypedDict):
    """What validation says of the data."""

    verdict: BreakerState
    isCurrent: bool
    isForced: Annotated[bool, about("True when the report was written although the data are held back.")]
    forcedReason: NotRequired[Annotated[str | None, about("Why, in the words of who decided; null when not forced.")]]
    reach: NotRequired[Annotated[Reach | None, about("How far the worst finding reaches; null when never validated.")]]
    blockingChecks: list[str]
    warningChecks: list[str]


class SiteMetadata(TypedDict):
    """The head of a report on a site."""

    generatedAt: Time
    validatedAt: NotRequired[Annotated[Time | None, about("When the data were validated; null when never.")]]
    reportVersion: Annotated[str, about("Raised when the report grows.")]
    period: Period
    dataSource: Source
    validation: Validation


class PeriodMetadata(SiteMetadata):
    """The head of a report on an analyzed period."""

    site: PricedSite
    baseline: NotRequired[Baseline]
    dataResolution: NotRequired[Annotated[str, about("Interval length, as 900s (15min).")]]


class WeeklyMetadata(SiteMetadata):
    """The head of a weekly report."""

    site: WeeklySite
    reportKind: NotRequired[Literal["weekly"]]
    baseline: Baseline
    dataResolution: Annotated[str, about("Interval length, as 900s (15min).")]


class CustomerMetadata(PeriodMetadata):
    """The head of a customer report."""

    reportKind: Literal["customer"]


class AssetMetadata(PeriodMetadata):
    """The head of a report on equipment."""

    reportKind: Literal["asset_health"]


class ElectricalMetadata(PeriodMetadata):
    """The head of a report on the supply."""

    reportKind: Literal["electrical_health"]


class MonthlyMetadata(SiteMetadata):
    """The head of a report on a month."""

    site: PricedSite
    reportKind: Literal["monthly"]


class MadeMetadata(SiteMetadata):
    """The head of any report on a site, as it is made."""

    reportKind: str
    site: PricedSite


class MadePeriodMetadata(MadeMetadata):
    """The head of any report on an analyzed period, as it is made."""

    baseline: Baseline
    dataResolution: str


class PortfolioMetadata(TypedDict):
    """The head of an overview."""

    generatedAt: Time
    reportKind: Literal["portfolio"]
    reportVersion: str
    period: Period
    country: NotRequired[Annotated[str | None, about("Of all its sites; null where they lie in several.")]]


class Headline(TypedDict):
    """The report in sentences."""

    headline: Annotated[list[str], Meta(min_length=1)]


class ToldResult(Headline):
    """The report in sentences, with the first of them apart."""

    result: NotRequired[Annotated[str, about("What happened, in a sentence or two.")]]
    notes: NotRequired[Annotated[list[str], about("What is behind it or not confirmed, one fact each.")]]
    assumptions: NotRequired[Annotated[list[str], about("What amounts take for granted and nobody confirmed.")]]
