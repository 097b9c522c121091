"""Remembers which report went to whom, so that none is sent twice, even by two senders or after a kill.

The log is a file of JSON lines. A line is on disk before a message is handed to the server, and another one after it:
a message whose second line is missing may have been sent, and is not sent again by itself.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from lib.errors import PipelineError
from lib.paths import check_file

SENDING, SENT, FAILED = "sending", "sent", "failed"


@contextmanager
def open_sent_log(path: Path) -> Iterator[IO[str]]:
    """Yield the log, held by this process alone; another sender waits until the block ends.

    Raises
    ------
    PipelineError
        When it cannot be written: without it nothing may be sent.
    """
    try:
        check_file(path).parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a+", encoding="utf-8")
    except OSError as err:
        raise PipelineError(f"cannot write {path}: {err.strerror or err}; nothing was sent, mend its rights") from err
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        _drop_cut_off_line(handle)
        yield handle


def _drop_cut_off_line(log: IO[str]) -> None:
    """Remove a last line that a power failure cut off: nothing was handed to the server before it was whole."""
    log.seek(0)
    text = log.read()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        log.truncate(len(whole.encode("utf-8")))


def last_states(log: IO[str]) -> dict[tuple[str, str], str]:
    """Return (report, recipient) → the state that was written last.

    Raises
    ------
    PipelineError
        When a line cannot be read: what it said might be sent again.
    """
    log.seek(0)
    states = {}
    for number, line in enumerate(log.read().splitlines(), 1):
        try:
            entry = json.loads(line)
            states[entry["report"], entry["recipient"]] = entry["state"]
        except (ValueError, KeyError, TypeError) as err:
            raise PipelineError(f"{log.name}, line {number} cannot be read; mend or remove the line") from err
    return states


def read_entries(log: IO[str]) -> list[dict[str, Any]]:
    """Return all lines of the log, the oldest first; raises as `last_states` does."""
    last_states(log)
    log.seek(0)
    return [json.loads(line) for line in log.read().splitlines()]


def write_state(log: IO[str], report: str, recipient: str, state: str, **more: Any) -> None:
    """Append a state and wait until it is on disk."""
    entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "report": report, "recipient": recipient}
    log.seek(0, os.SEEK_END)
    log.write(json.dumps(entry | {"state": state} | more) + "\n")
    log.flush()
    os.fsync(log.fileno())
