"""Takes note of what goes wrong while one thing is fetched, also of what another attempt cures.

A fault that heals by itself is a fault all the same: whoever wonders why the nights grow longer finds it counted in
`ingestion_logs`. The notes are gathered by the thread that fetches, so that the client need not hand them up through
every return value and every error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from lib.logs import clean_text


@dataclass
class Troubles:
    """What went wrong: how often a request was repeated, and what was seen how often."""

    retries: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Troubles) -> None:
        """Count the other's troubles here too."""
        self.retries += other.retries
        self.counts.update(other.counts)

    def __str__(self) -> str:
        return ", ".join(f"{count} × {what}" for what, count in self.counts.most_common()) or "none"


_current: ContextVar[Troubles | None] = ContextVar("troubles", default=None)


@contextmanager
def gather_troubles(troubles: Troubles) -> Iterator[Troubles]:
    """Let what this thread meets within the block be counted in `troubles`, whether the block succeeds or fails."""
    token = _current.set(troubles)
    try:
        yield troubles
    finally:
        _current.reset(token)


def note_trouble(what: str) -> None:
    """Count one trouble; `what` is of few kinds, without ids or times, so that the same adds up."""
    troubles = _current.get()
    if troubles is not None:
        troubles.counts[clean_text(what)] += 1


def note_retry() -> None:
    """Count one request that is repeated."""
    troubles = _current.get()
    if troubles is not None:
        troubles.retries += 1
