"""What became of the findings of earlier weeks."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from msgspec import Meta

from lib.findings import FindingState, WeekStatus
from lib.report_types.basics import Bounds, Count, Day, JsonObject, Time, about
from lib.states import Level


class StateCounts(TypedDict):
    """How many findings there are of each state."""

    new: Count
    open: Count
    back: Count
    solved: Count
    notSeen: Count
    blind: Count
    grown: Count
    accepted: Count


class FollowedItem(TypedDict):
    """A finding and where it stands; what is null or false may be left out."""

    channelName: NotRequired[str | None]
    currency: NotRequired[str | None]
    said: NotRequired[str | None]
    saidBy: NotRequired[str | None]
    owner: NotRequired[str | None]
    note: NotRequired[str | None]
    weeklyKwh: NotRequired[float | None]
    weeklyCost: NotRequired[float | None]
    kwhSoFar: NotRequired[float | None]
    costSoFar: NotRequired[float | None]
    lastingId: Annotated[str, about("Kind, cause and meter: the same in every week.")]
    kind: str
    channelId: NotRequired[int | None]
    title: str
    confidence: Level
    state: FindingState
    status: Annotated[
        WeekStatus,
        about(
            "What this week says of it: persists, its load is there though no longer claimed; blind, the meter tells "
            "nothing."
        ),
    ]
    isSolvedNow: NotRequired[bool]
    isGrown: NotRequired[bool]
    isSilent: NotRequired[Annotated[bool, about("Somebody said that it may stay, and it has not grown since.")]]
    sinceWeek: Day
    weekNumber: Annotated[int, Meta(ge=1)]
    weeksThere: Annotated[int, Meta(ge=1)]
    backAfterWeeks: NotRequired[int | None]
    due: NotRequired[Day | None]
    doneOn: NotRequired[Day | None]


class GapAccepted(TypedDict):
    """Missing readings that somebody said will not come."""

    channelId: int
    channelName: str
    start: Time
    end: Time
    reason: str | None
    acceptedBy: str | None


class MuteInForce(TypedDict):
    """Messages that are muted."""

    kind: Annotated[str | None, about('Kind of message, such as "finding"; null for all.')]
    until: Time
    reason: str


class Claimed(TypedDict):
    """What a report claimed that could be saved, a week."""

    weeklyKwh: float
    weeklyCost: float | None


class DoneSaving(TypedDict):
    """What a finding that is done has saved, a week."""

    lastingId: str
    channelId: int
    channelName: str | None
    title: str
    doneOn: Day
    weeks: Literal[0, 4, 13, 52]
    isNew: Annotated[bool, about("Measured since last week.")]
    nextOn: Day | None
    status: Literal["waiting", "verified_saving", "verified_increase", "insufficient_data"]
    missing: list[JsonObject]
    claimed: Claimed | None
    savedKwh: Bounds | None
    savedCost: Bounds | None
    currency: str | None


class FollowUp(TypedDict):
    """What became of the findings of earlier weeks."""

    week: Day
    lastWeek: Annotated[Day | None, about("Monday of the week reported before; null in the first report.")]
    counts: StateCounts
    text: Annotated[str, about("The sentence that begins with Since last week; empty in the first report.")]
    findings: list[FollowedItem]
    accepted: Annotated[
        list[JsonObject],
        about("Quick wins of which somebody said that they may stay; in no other list, and in no sum."),
    ]
    acceptedGaps: list[GapAccepted]
    mutes: NotRequired[
        Annotated[list[MuteInForce], about("Messages about the site that were muted when the report was written.")]
    ]
    savings: Annotated[list[DoneSaving], about("What findings that are done have saved, a week.")]
