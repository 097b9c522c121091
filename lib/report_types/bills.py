"""The utility's bills in the monthly summary: beside what was metered, and by owner."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from lib.report_types.basics import Count, Currency, Day, about

State = Literal["agrees", "parts", "incomplete", "not_metered"]
Cause = Literal[
    "estimated_read", "reading_dates", "multiplier", "missing_meter", "extra_meter", "demand", "tariff", "unknown"
]


class MeteredBill(TypedDict):
    """What was metered over a bill's days."""

    kwh: Annotated[
        float | None, about("Imported energy as metered, without estimates; null where nothing was metered.")
    ]
    isAtLeast: Annotated[bool, about("Readings of these days are missing or were estimated, and are not in kwh.")]
    coveredPct: float
    kw: Annotated[float | None, about("Highest mean power over the tariff's demand interval.")]
    isKwAtLeast: Annotated[bool, about("The peak may have been higher.")]
    demandIntervalMinutes: float
    amount: Annotated[float | None, about("These days on the site's tariff; null where no tariff is confirmed.")]
    noAmount: NotRequired[
        Annotated[
            Literal["peaks_by_month"], about("Each month's peak is charged, and the bill does not tell its months.")
        ]
    ]
    tariff: str | None
    currency: Currency | None


class BilledAmounts(TypedDict):
    """What the bill says."""

    kwh: float
    kw: float | None
    amount: float | None


class BillDifference(TypedDict):
    """Billed less metered; null where there is nothing to compare."""

    kwh: float | None
    kwhPct: float | None
    kw: float | None
    kwPct: float | None
    amount: float | None
    amountPct: float | None


class BillEvidence(TypedDict):
    """What a cause rests on."""

    bills: Annotated[int, about("Bills that show it, this one included.", ge=1)]
    factor: NotRequired[Annotated[float, about("Billed over metered.")]]
    days: NotRequired[Annotated[int, about("By how many days readings were later than the dates on the bill.")]]
    boundary: NotRequired[Annotated[Day, about("The one day of reading that is off; left out where all are.")]]
    kwhPerDay: NotRequired[Annotated[float, about("Billed and not metered, or the other way round, a day.")]]
    sharePct: NotRequired[Annotated[float, about("The same as a share of the bill.")]]
    channelName: NotRequired[Annotated[str, about("Without this meter the two agree.")]]


class UtilityBill(TypedDict):
    """A bill of the utility that ends in the month, beside what was metered over its days."""

    start: Day
    end: Annotated[Day, about("Last day of the bill, included.")]
    days: Count
    isEstimated: Annotated[bool, about("The utility estimated the reading.")]
    billed: BilledAmounts
    metered: MeteredBill
    difference: BillDifference
    state: State
    cause: Annotated[Cause | None, about("Where the two part; null where they agree or cannot be compared.")]
    evidence: BillEvidence | None


class UtilityBills(TypedDict):
    """The bills of the utility that the site's file tells of."""

    entered: Annotated[int, about("Bills of all time.", ge=0)]
    lastEnd: Annotated[Day, about("Last day of the newest one.")]
    bills: Annotated[list[UtilityBill], about("Those that end in the month.")]


class OwnerShare(TypedDict):
    """Somebody's part of a month's bill."""

    name: Annotated[str | None, about("Null for what no owner's meter sees.")]
    kwh: float
    sharePct: Annotated[float, about("Of the site's energy.")]
    estimatedKwh: Annotated[float, about("Of kwh, what is not as metered.")]
    unknownHours: Annotated[float, about("Meter hours of which nothing is known; their energy is in the rest.")]
    kwAtPeak: Annotated[float | None, about("Mean power in the interval of the billed peak.")]
    energy: float
    demand: Annotated[float, about("With ratchet, least demand and reactive demand.")]
    fixed: Annotated[float, about("With the minimum charge.")]
    other: Annotated[float, about("Riders and taxes.")]
    total: float


class CostByOwner(TypedDict):
    """Whose part of the month's bill, on the site's tariff, is whose. All parts add up to the total."""

    currency: Currency
    tariff: str
    isAssumed: Annotated[bool, about("No tariff of the site is confirmed.")]
    total: Annotated[float, about("The bill, rounded to what the currency has.")]
    demandRule: Literal["at_peak", "by_energy"]
    fixedRule: Literal["by_energy", "equally"]
    owners: list[OwnerShare]
    rest: OwnerShare
