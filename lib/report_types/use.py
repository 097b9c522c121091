"""What a site used in the week: in words, in energy, cost and carbon, and how far the readings carry it."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from lib.report_types.basics import Count, Currency, Day, Time, Unavailable, about
from lib.report_types.head import Headline


class AttentionItem(TypedDict):
    """Something that needs attention."""

    kind: Literal["saving", "meter", "level", "high_use", "low_use", "site_peak"]
    channelId: int | None
    channelName: str | None
    text: str
    winId: NotRequired[str | None]
    isCounted: NotRequired[bool]


class PotentialSavings(TypedDict):
    """What the quick wins are worth."""

    weeklyKwh: Annotated[
        float,
        about(
            "Quick wins of medium and high confidence that recur or are new this week; single events are in onceKwh."
        ),
    ]
    weeklyCost: float
    estimatedAnnual: Annotated[float, about("The year ahead of those that recur.")]
    onceKwh: NotRequired[
        Annotated[float, about("Single events of medium and high confidence, in no weekly or annual total.")]
    ]
    onceCost: NotRequired[float]
    costOptimizationMonthly: float
    costOptimizationAnnual: float
    currency: NotRequired[Currency]
    unconfirmedWeeklyKwh: NotRequired[
        Annotated[
            float,
            about("What runs while the site is closed, every week, and may have to: asked about, no saving."),
        ]
    ]
    costOptimizationStatus: NotRequired[str]
    newKwh: NotRequired[Annotated[float, about("The part of weeklyKwh that was seen this week only.")]]
    newCost: NotRequired[float]
    unconfirmedWeeklyCost: NotRequired[float]


class WeekSummary(Headline):
    """The week in sentences and totals."""

    result: Annotated[
        str,
        about(
            "What happened, in a sentence or two: the energy used against normal, and whether anything needs attention."
        ),
    ]
    notes: Annotated[list[str], about("What of the total is estimated, missing or not confirmed, one fact each.")]
    assumptions: Annotated[
        list[str],
        about(
            "What money and closed hours take for granted and nobody confirmed: the price of energy, the opening hours."
        ),
    ]
    attention: Annotated[
        list[AttentionItem],
        about(
            "What needs attention, each thing once. winId is the quick win that says what to do about it; isCounted "
            "tells whether that is in a total."
        ),
    ]
    topRisks: list[str]
    topOpportunities: list[str]
    totalPotentialSavings: PotentialSavings


class UnknownPart(TypedDict):
    """A meter of which part is unknown."""

    channelId: int
    channelName: str
    unknownHours: float


class SpecialDay(TypedDict):
    """A holiday, an exception, or a day outside of the terms."""

    date: Day
    kind: Literal["holiday", "exception", "break"]
    name: str | None
    isClosed: bool


class Comparison(TypedDict):
    """How the period was compared with like days."""

    meters: NotRequired[int]
    ofMeters: NotRequired[int]
    actualKwh: NotRequired[Annotated[float, about("Energy of the intervals that are compared.")]]
    coveragePct: NotRequired[Annotated[float, about("Share of the site's usual energy that can be compared.")]]
    reason: NotRequired[
        Annotated[
            Literal["no_like_days", "too_little_valid", "generation_behind_meter", "next_to_nothing_usual"] | None,
            about("Why the period is not compared."),
        ]
    ]
    specialDays: NotRequired[
        Annotated[list[SpecialDay], about("The period's holidays, exceptions and days outside of the terms.")]
    ]


class MeterUse(TypedDict):
    """A meter's period."""

    channelId: NotRequired[int]
    channelName: NotRequired[str]
    kind: NotRequired[Literal["load", "generation", "storage", "main", "sensor"]]
    energyKwh: NotRequired[float | None]
    estimatedKwh: NotRequired[float]
    isAtLeast: NotRequired[bool]
    expectedKwh: NotRequired[
        Annotated[float | None, about("What like days lead to; null where the meter cannot be compared.")]
    ]
    changePct: NotRequired[float | None]
    peakKw: NotRequired[float | None]
    completenessPct: NotRequired[float | None]
    isRoot: NotRequired[bool]


class DayUse(TypedDict):
    """The site's energy on a day."""

    date: Day
    energyKwh: float | None
    estimatedKwh: NotRequired[float]


class EnergyCharge(TypedDict):
    """What the energy cost."""

    energyCost: Annotated[float, about("Energy charge of importedKwh; no demand, fixed charges, riders or taxes.")]
    currency: Currency
    tariff: str
    isAssumed: bool


class Carbon(TypedDict):
    """What the energy emitted."""

    kgCo2e: float
    factorKgPerKwh: float
    source: str


MayCountTwice = Annotated[
    bool, about("Energy may be in the total twice: validation asks how some meters fit together.")
]
IsAtLeast = Annotated[bool, about("Part of the energy is unknown and counts as nothing.")]
MeteredKwh = Annotated[float, about("Of totalKwh, as metered.")]


class Consumption(TypedDict):
    """What the site used."""

    totalKwh: Annotated[
        float,
        about(
            "Energy of the period, the best estimate: the sum over the meters that no other meter of the site "
            "contains, net of what they exported. A lower bound where isAtLeast."
        ),
    ]
    meteredKwh: NotRequired[MeteredKwh]
    estimatedKwh: NotRequired[
        Annotated[
            float,
            about(
                "Of totalKwh, what is not as metered: corrected, of the power beside a missing energy, or what like "
                "days draw. Until version 1.1 what the power says of intervals without an energy, which was not in "
                "the total."
            ),
        ]
    ]
    mayCountTwice: NotRequired[MayCountTwice]
    isAtLeast: NotRequired[IsAtLeast]
    notEstimated: NotRequired[Annotated[list[UnknownPart], about("The meters of the total of which part is unknown.")]]
    importedKwh: NotRequired[Annotated[float, about("The intervals above zero: what is paid for.")]]
    exportedKwh: NotRequired[Annotated[float, about("The intervals below zero, as a positive number.")]]
    generatedKwh: NotRequired[
        Annotated[float | None, about("What the site generated itself; null where it is not metered.")]
    ]
    grossKwh: NotRequired[
        Annotated[float | None, about("totalKwh with generatedKwh: all that was used; null where it is not metered.")]
    ]
    usualKwh: NotRequired[
        Annotated[
            float | None,
            about(
                "What like days lead to, over the intervals that are compared; null where the period is not comparable."
            ),
        ]
    ]
    changePct: NotRequired[
        Annotated[
            float | None,
            about("By how much more than usualKwh was used; null where the period is not comparable."),
        ]
    ]
    comparison: NotRequired[Comparison]
    byChannel: NotRequired[list[MeterUse]]
    daily: NotRequired[list[DayUse]]
    cost: EnergyCharge
    carbon: Carbon | Unavailable


class NotCounted(TypedDict):
    """A channel that is in no figure."""

    channelId: int
    channelName: Annotated[str, about("Text from outside.")]
    reason: Annotated[
        Literal["view", "excluded"],
        about("view: another channel stands for its metering point. excluded: the site's file leaves it out."),
    ]
    countedBy: Annotated[int | None, about("The channel that stands for it, null where none does.")]


class OpenQuestion(TypedDict):
    """A question about how meters fit together."""

    check: str
    channelId: int
    channelName: Annotated[str, about("Text from outside.")]
    message: Annotated[str, about("What was found.")]
    lines: Annotated[list[str], about("Lines for the site's file that answer it; for the operator alone.")]


class QuarantinedChannel(TypedDict):
    """A channel that validation does not trust."""

    channelId: int
    channelName: Annotated[str, about("Text from outside.")]
    checks: list[str]
    reason: Annotated[str, about("What the first check found.")]
    hint: Annotated[str, about("What to do about it.")]
    energySharePct: Annotated[
        float | None, about("Share of the site's usual energy, percent; null when it cannot be told.")
    ]
    since: Time
    isLeftOut: bool


class DataQuality(TypedDict):
    """How far the readings carry the report."""

    channelsAnalyzed: Count
    avgCompleteness: Annotated[float, about("Percent.", ge=0, le=100)]
    notCounted: NotRequired[
        Annotated[
            list[NotCounted],
            about(
                "Channels that are in no figure of the report: other views of a metering point that counts already, "
                "and those that the site's file leaves out."
            ),
        ]
    ]
    openQuestions: NotRequired[
        Annotated[
            list[OpenQuestion],
            about("What validation asks the operator: until it is answered, the total may hold some energy twice."),
        ]
    ]
    quarantinedChannels: NotRequired[
        Annotated[
            list[QuarantinedChannel],
            about(
                "Channels that validation does not trust. They are left out of every figure, unless the report was "
                "forced past just that."
            ),
        ]
    ]
