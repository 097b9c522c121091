"""When to say that something is wrong: once when it begins, once when it is over, never while it is muted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from lib.alert_mutes import Mute

BREAKER_OPEN, STALE, SYNC_FAILED, NO_DATABASE = "breaker_open", "stale", "sync_failed", "no_database"
KINDS = (BREAKER_OPEN, STALE, SYNC_FAILED, NO_DATABASE)


class Condition(NamedTuple):
    """Something that is wrong now; `site_id` is None where it concerns all sites."""

    kind: str
    site_id: int | None
    text: str

    @property
    def key(self) -> str:
        """What tells this condition from others, however its text changes."""
        return f"{self.kind}:{'all' if self.site_id is None else self.site_id}"


@dataclass(frozen=True)
class Episode:
    """A condition from its beginning until everybody was told that it is over."""

    kind: str
    site_id: int | None
    text: str
    since: datetime
    ended: datetime | None = None
    told: tuple[str, ...] = ()  # ways by which its beginning was told
    told_end: tuple[str, ...] = ()  # ways by which its end was told

    @property
    def key(self) -> str:
        """The key of its condition."""
        return Condition(self.kind, self.site_id, self.text).key


def follow_episodes(known: Iterable[Episode], found: Iterable[Condition], now: datetime) -> list[Episode]:
    """Return the episodes after a look at what is wrong now.

    A condition that was there before goes on with its newest text; a new one begins; one that is gone ends. Where an
    ended episode comes back before everybody was told, those who heard of its end hear of it again, the others do not.
    """
    wrong = {condition.key: condition for condition in found}
    episodes = []
    for episode in known:
        condition = wrong.pop(episode.key, None)
        if condition is not None:
            told = tuple(way for way in episode.told if way not in episode.told_end)
            episodes.append(replace(episode, text=condition.text, ended=None, told=told, told_end=()))
        else:
            episodes.append(replace(episode, ended=episode.ended or now))
    return episodes + [Episode(*condition, since=now) for condition in wrong.values()]


def pending(episodes: Iterable[Episode], mutes: Iterable[Mute], way: str, now: datetime) -> list[Episode]:
    """Return the episodes whose beginning or end `way` has still to tell.

    An end is told to those who heard of the beginning. A muted episode waits: if it lasts longer than the mute, it is
    told then.
    """
    mutes = list(mutes)
    due = []
    for episode in episodes:
        if any(mute.covers(episode, now) for mute in mutes):
            continue
        is_news = (
            way not in episode.told if episode.ended is None else way in episode.told and way not in episode.told_end
        )
        if is_news:
            due.append(episode)
    return due


def mark_told(episode: Episode, way: str) -> Episode:
    """Return `episode` after `way` has told its beginning, or its end where it has ended."""
    if episode.ended is None:
        return replace(episode, told=(*episode.told, way))
    return replace(episode, told_end=(*episode.told_end, way))


def still_open(episodes: Iterable[Episode]) -> list[Episode]:
    """Return the episodes to remember: those that last, or whose end somebody has yet to hear."""
    return [episode for episode in episodes if episode.ended is None or set(episode.told) - set(episode.told_end)]


def to_json(episode: Episode) -> dict[str, Any]:
    """Return an episode as it is kept in a file."""
    values = asdict(episode)
    return values | {name: value.isoformat() for name, value in values.items() if isinstance(value, datetime)}


def from_json(values: dict[str, Any]) -> Episode:
    """Return the episode that `to_json` wrote."""
    times = {name: datetime.fromisoformat(values[name]) for name in ("since", "ended") if values[name]}
    return Episode(**values | times | {name: tuple(values[name]) for name in ("told", "told_end")})
