"""Which alerts are muted, and until when; kept in a small file of ``data/`` that whoever tells somebody reads."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from lib.errors import PipelineError
from lib.paths import PROJECT_ROOT

STATE_DIR = PROJECT_ROOT / "data"
MUTES = "alert_mutes.json"
FINDING = "finding"  # what is found between two weekly reports; the other kinds stand in operations/alerts


class Tellable(Protocol):
    """Something that somebody may be told."""

    @property
    def kind(self) -> str:
        """What it is."""
        ...

    @property
    def site_id(self) -> int | None:
        """Its site; None where it concerns all of them."""
        ...


class Subject(NamedTuple):
    """A kind of message about a site."""

    kind: str
    site_id: int | None


class Mute(NamedTuple):
    """Until when nothing is said of a kind of condition at a site; None stands for any."""

    kind: str | None
    site_id: int | None
    until: datetime
    reason: str

    def covers(self, subject: Tellable, now: datetime) -> bool:
        """Return whether `subject` is muted at `now`."""
        is_kind = self.kind in (None, subject.kind)
        return now < self.until and is_kind and self.site_id in (None, subject.site_id)

    def concerns(self, site_id: int, now: datetime) -> bool:
        """Return whether something of a site is muted at `now`."""
        return now < self.until and self.site_id in (None, site_id)


def load_mutes(folder: Path) -> list[Mute]:
    """Return the mutes that were saved, the expired among them."""
    return [Mute(**values | {"until": datetime.fromisoformat(values["until"])}) for values in read_rows(folder / MUTES)]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the objects in a file of JSON; none where there is no file."""
    if not path.exists():
        return []
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise PipelineError(f"cannot read {path}: {err}; mend it, or remove it to start anew") from err
    return rows
