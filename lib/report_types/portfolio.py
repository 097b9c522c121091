"""The overview of many sites."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from lib.findings import WeekStatus
from lib.report_types.basics import Bounds, Count, OpeningHours, about
from lib.report_types.head import PortfolioMetadata, ToldResult
from lib.report_types.use import MayCountTwice
from lib.states import DataSource

OpenState = Literal["new", "open", "back"]


class CurrencyTotal(TypedDict):
    """Savings in one currency."""

    currency: str | None
    sites: int
    savingsWeekly: float
    savingsAnnual: float


class PortfolioTotals(TypedDict):
    """All sites in sum."""

    sites: int
    totalKwh: float
    isAtLeast: NotRequired[Annotated[bool, about("Of one of these sites a part of the energy is unknown.")]]
    savings: list[CurrencyTotal]
    sandboxSitesLeftOut: NotRequired[
        Annotated[int, about("Made-up sites that the totals leave out, for others were measured.", ge=0)]
    ]


class SiteRow(TypedDict):
    """A site's week."""

    siteId: Annotated[int, Meta(ge=1)]
    siteName: str
    status: Literal["ok"]
    country: NotRequired[str | None]
    currency: str | None
    mayCountTwice: NotRequired[MayCountTwice]
    isForced: NotRequired[Annotated[bool, about("Its report was written although the data were held back.")]]
    isAtLeast: NotRequired[Annotated[bool, about("Part of its energy is unknown and counts as nothing.")]]
    totalKwh: float
    changePct: float | None
    savingsKwh: float
    savingsWeekly: float
    savingsAnnual: float
    afterHoursKwh: float
    seriousIssues: int
    completenessPct: float
    schedule: NotRequired[OpeningHours]
    dataSource: NotRequired[Annotated[DataSource, about('Where the readings come from; "sandbox" is made up.')]]


class HeldRow(TypedDict):
    """A site of which nothing may be said."""

    siteId: Annotated[int, Meta(ge=1)]
    siteName: str
    status: Literal["held_back"]
    reason: str


class OpenFinding(TypedDict):
    """An open finding of a site."""

    siteId: int
    siteName: str
    lastingId: str
    title: str
    channelName: str | None
    weeklyCost: float | None
    state: OpenState
    status: WeekStatus
    weekNumber: int
    backAfterWeeks: int | None
    isGrown: bool
    week: str
    said: str | None
    owner: str | None
    due: str | None


class KindOfAction(TypedDict):
    """Open findings of one kind."""

    kind: str
    currency: str | None
    sites: Annotated[int, Meta(ge=1)]
    weeklyCost: float | None
    weeklyKwh: float
    findings: list[OpenFinding]


class LedgerLine(TypedDict):
    """What was done and what it saved a week, in one currency."""

    currency: str | None
    done: Count
    judged: Count
    proved: Count
    stillThere: Count
    claimedCost: float
    savedCost: Bounds
    realizedPct: float | None


class JudgedKind(TypedDict):
    """What people said of findings of one kind."""

    kind: str
    judged: Count
    actedOn: Count
    notNeeded: Count
    wrong: Count
    rightPct: float


class PortfolioResults(TypedDict):
    """What came of findings, over all sites."""

    ledger: list[LedgerLine]
    judged: list[JudgedKind]


class PortfolioReport(TypedDict):
    """What deliver/generate_portfolio.py writes. Energy is kWh; amounts are in each site's currency and never added
    across. Readers may rely on every key that is required here; further keys may be added at any time."""

    metadata: PortfolioMetadata
    summary: ToldResult
    warnings: list[str]
    totals: PortfolioTotals
    sites: Annotated[list[SiteRow | HeldRow], Meta(min_length=1)]
    actions: NotRequired[
        Annotated[list[KindOfAction], about("Open findings of all sites, those of one kind added up.")]
    ]
    ledger: NotRequired[
        Annotated[list[LedgerLine], about("What findings that are done have saved a week, by currency.")]
    ]
    judged: NotRequired[Annotated[list[JudgedKind], about("What people said of findings, by kind.")]]
