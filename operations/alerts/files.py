"""Keeps the alert episodes and the mutes between runs, in two small files of ``data/``."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.alert_mutes import MUTES, Mute, read_rows
from lib.errors import PipelineError
from lib.paths import write_atomically
from operations.alerts.episodes import Episode, from_json, to_json

_ALERTS = "alerts.json"


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
    return [from_json(values) for values in read_rows(folder / _ALERTS)]


def save_episodes(episodes: Iterable[Episode], folder: Path) -> None:
    """Save the episodes in place of those before."""
    write_atomically(folder / _ALERTS, json.dumps([to_json(episode) for episode in episodes], indent=2) + "\n")


def save_mutes(mutes: Iterable[Mute], folder: Path) -> None:
    """Save the mutes in place of those before."""
    rows = [mute._asdict() | {"until": mute.until.isoformat()} for mute in mutes]
    write_atomically(folder / MUTES, json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
