"""What all parts of a report are made of: times, names, counts, levels, and what stands in for a missing part."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

JsonObject = dict[str, Any]  # a part whose keys differ from case to case


def about(meaning: str, **limits: Any) -> Meta:
    """Return what a key means, with its limits."""
    return Meta(description=meaning, **limits)


# A title makes a definition of its own in the schema.
Time = Annotated[
    str,
    about(
        "ISO 8601 with offset.",
        title="time",
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
    ),
]
End = Annotated[Time, about("Exclusive.")]
Day = Annotated[str, Meta(title="date", pattern=r"^\d{4}-\d{2}-\d{2}$")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Count = Annotated[int, Meta(ge=0)]
Kw = Annotated[float, about("kW.")]
FindingId = Annotated[
    str,
    about(
        "Kind, channel and start (UTC) of the finding: the same in every report that holds it.",
        title="findingId",
        pattern=r"^[a-z_]+-(site|\d+)-\d{8}T\d{4}Z(-\d+)?$",
    ),
]
PossibleFrom = Annotated[
    Day | None, about("First local day on which it may be possible; null where waiting alone will not do.")
]


class Meter(TypedDict):
    """A meter, by the service's number and name."""

    channelId: Annotated[int, about("Channel id of the service.")]
    channelName: Annotated[str, about("Name of the channel; text from outside, to be escaped where shown.")]


class Stretch(TypedDict):
    """A stretch of time."""

    start: Time
    end: Time


class ByLevel(TypedDict):
    """How many there are of each level."""

    high: Count
    medium: Count
    low: Count


class Bounds(TypedDict):
    """An amount, with the ends of its range."""

    low: float
    likely: float
    high: float


class Evidence(TypedDict):
    """What the finding rests on, without what it says itself: its meter, its start and end (else the period's), and
    what it was compared with."""

    method: Annotated[str, about("A key of the report's `methods`.")]
    channelIds: NotRequired[list[int]]
    start: NotRequired[Time]
    end: NotRequired[Time]
    reference: NotRequired[Annotated[JsonObject, about("What the finding was compared with.")]]


class Found(TypedDict):
    """A finding's name and what it rests on."""

    findingId: FindingId
    evidence: Evidence


class Unavailable(TypedDict):
    """A part of a report that cannot be computed."""

    status: Literal["unavailable"]
    reason: Annotated[str, about("Why it cannot be computed.")]
    code: NotRequired[str]
    missing: NotRequired[str]
    possibleFrom: NotRequired[PossibleFrom]


class Insufficient(TypedDict):
    """An answer that the data are not enough for."""

    status: Literal["insufficient_data"]
    code: str
    missing: Annotated[str, about("What would have to be there.")]
    possibleFrom: PossibleFrom


class MeterInsufficient(Meter, Insufficient):
    """A meter of which the data are not enough."""


class NotAssessed(Meter, Insufficient):
    """A meter that a section could not assess."""

    reason: str


class OpeningHours(TypedDict):
    """When the site is open."""

    isAssumed: Annotated[bool, about("True where the site's file names no opening hours: then the defaults stand in.")]
    openingHours: Annotated[str, about("The weekly hours in words.")]
    note: Annotated[str | None, about("What to tell the reader where they are assumed.")]
