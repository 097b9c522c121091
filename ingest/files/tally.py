"""What is counted of an interval file on the first way through it, for the rules that judge it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.files.tables import HeaderLine


@dataclass
class Trend:
    """How the values of one channel's column go, row by row."""

    count: int = 0
    rises: int = 0
    falls: int = 0
    negatives: int = 0


@dataclass
class Kinds:
    """The texts of a column that nobody has said anything of, and how often they change from row to row."""

    texts: set[str] = field(default_factory=set)
    changes: int = 0
    last: str | None = None
    is_open: bool = True  # not yet too many texts to be kinds


@dataclass
class Tally:
    """What is counted over all chunks."""

    formats: list[str]
    row_count: int = 0
    left_rows: int = 0
    headers: list[HeaderLine] = field(default_factory=list)  # of further tables below the first
    readable: Counter[str] = field(default_factory=Counter)
    timed_rows: int = 0  # rows that have a text for the time
    odd_times: dict[str, list[str]] = field(default_factory=dict)  # format → some texts that it does not read
    units: set[str] = field(default_factory=set)
    channels: dict[str, int] = field(default_factory=dict)
    differences: dict[str, dict[int, Counter[int]]] = field(default_factory=dict)  # by format, then channel number
    runs: dict[str, dict[int, Counter[int]]] = field(default_factory=dict)  # of those that come one after another
    signs: Counter[str] = field(default_factory=Counter)
    hours: set[int] = field(default_factory=set)
    first_s: dict[str, float] = field(default_factory=dict)  # by format, on the written clock
    last_s: dict[str, float] = field(default_factory=dict)
    has_wall: bool = False
    zone_words: set[str] = field(default_factory=set)  # EST and the like, behind the times
    dateless: int = 0  # rows with a time of day and no date
    has_24: bool = False  # a time of 24:00, which can only be an end
    trends: dict[tuple[int, int], Trend] = field(default_factory=dict)  # by column and channel number
    kinds: dict[int, Kinds] = field(default_factory=dict)
    repeats: int = 0  # rows that name an instant with another value than another row
    repeat_hours: set[str] = field(default_factory=set)
    telling_texts: dict[int, list[str]] = field(default_factory=dict)  # place → some of the texts that do
    telling: Counter[int] = field(default_factory=Counter)  # place → rows that it tells from their repeat
