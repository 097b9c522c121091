"""Keeps the alert episodes and the mutes between runs, in two small files of ``data/``."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from lib.errors import PipelineError
from lib.paths import PROJECT_ROOT, write_atomically
from operations.alerts.episodes import Episode, Mute, from_json, to_json

STATE_DIR = PROJECT_ROOT / "data"
_ALERTS, _MUTES = "alerts.json", "alert_mutes.json"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep other processes from changing the files in `folder` until the block ends; they wait."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / ".alerts.lock").open("a")
    except OSError as err:
        raise PipelineError(f"cannot write {folder}: {err.strerror or err}; check who owns it") from err
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def load_episodes(folder: Path) -> list[Episode]:
    """Return the episodes that were saved; none before the first."""
    return [from_json(values) for values in _load(folder / _ALERTS)]


def save_episodes(episodes: Iterable[Episode], folder: Path) -> None:
    """Save the episodes in place of those before."""
    write_atomically(folder / _ALERTS, json.dumps([to_json(episode) for episode in episodes], indent=2) + "\n")


def load_mutes(folder: Path) -> list[Mute]:
    """Return the mutes that were saved, the expired among them."""
    return [Mute(**values | {"until": datetime.fromisoformat(values["until"])}) for values in _load(folder / _MUTES)]


def save_mutes(mutes: Iterable[Mute], folder: Path) -> None:
    """Save the mutes in place of those before."""
    rows = [mute._asdict() | {"until": mute.until.isoformat()} for mute in mutes]
    write_atomically(folder / _MUTES, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _load(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise PipelineError(f"cannot read {path}: {err}; mend it, or remove it to start anew") from err
