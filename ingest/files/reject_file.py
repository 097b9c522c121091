"""The reject file: what of an interval file could not be stored, line by line, why, and what to do about it."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from ingest.files.times import REJECT_AMBIGUOUS, REJECT_SKIPPED_HOUR, REJECT_TIME, REJECT_TOO_OLD
from ingest.storage.plausibility import (
    REJECT_ENERGY_OVER_LIMIT,
    REJECT_IN_FUTURE,
    REJECT_NEGATIVE_ENERGY,
    REJECT_OFF_GRID,
    REJECT_POWER_OVER_LIMIT,
    REJECT_REPEATED,
    REJECT_WRONG_RESOLUTION,
)
from lib.paths import begins_with, open_atomically

if TYPE_CHECKING:
    import pandas as pd

REJECT_CELLS = "too_many_cells"
REJECT_CHANNEL = "no_channel"
REJECT_NUMBER = "unreadable_number"
REJECT_CONFLICT = "conflicting"
REJECT_PROJECTED = "projected"
REJECT_FAILED = "failed_validation"
REJECT_RESET = "register_reset"

# Reason → what to do.
FIXES: dict[str, str] = {
    REJECT_CELLS: "the row has more cells than the header: quote text that holds the delimiter",
    REJECT_CHANNEL: "name the channel in this row",
    REJECT_TIME: "write the time as the other rows do, such as 2026-01-20 06:15, or with its offset",
    REJECT_SKIPPED_HOUR: "the clock skips this hour in spring: write the time with its offset, or give --clock",
    REJECT_AMBIGUOUS: "the clock repeats this hour in autumn: sort the rows by time, or write times with their offset",
    REJECT_IN_FUTURE: "the interval is not over yet: check the year, the zone, and --interval-end",
    REJECT_TOO_OLD: "no meter is that old: check the year",
    REJECT_OFF_GRID: "the interval does not start on a multiple of its length: check --interval-minutes and the time",
    REJECT_NUMBER: "write a plain number in this cell, or leave it empty where nothing was measured",
    REJECT_REPEATED: "nothing: the same reading stands above already",
    REJECT_CONFLICT: "the interval stands above with another value, which was kept: leave the wrong one out",
    REJECT_WRONG_RESOLUTION: "the interval has another length than the rest: import it for a channel of its own",
    REJECT_NEGATIVE_ENERGY: "a counter was reset, or a sign is wrong: correct it, or re-admit it from quarantine",
    REJECT_POWER_OVER_LIMIT: "more than the channel can carry: check the unit, or raise [ingest] max_power_kw",
    REJECT_ENERGY_OVER_LIMIT: "more than the channel can carry: check the unit, or raise [ingest] max_power_kw",
    REJECT_PROJECTED: "nothing: it is a forecast of the utility, not a measurement",
    REJECT_FAILED: "nothing: the utility marks it as failed in its own checks",
    REJECT_RESET: "the register fell: nothing if the meter was replaced; give --rollover if it begins at zero again",
}
COLUMNS = ("file", "line", "channel", "time", "value", "reason", "fix")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


# Whether a file is one of rejects, which another import may replace or remove.
is_reject_file = begins_with((",".join(COLUMNS) + "\r\n").encode())


class RejectFile:
    """Collects rejects into `path`; it appears there when the import has ended, and only if there are any.

    Parameters
    ----------
    path
        Where the file is to be. One of an earlier import is replaced, or removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        self._stack = ExitStack()
        self._handle: IO[bytes] | None = None

    def __enter__(self) -> RejectFile:
        return self

    def add(self, file_name: str, rejects: pd.DataFrame) -> None:
        """Write rejects with the columns `line`, `channel`, `time`, `value` and `reason`."""
        if rejects.empty:
            return
        if self._handle is None:
            self._handle = self._stack.enter_context(open_atomically(self.path))
            self._handle.write((",".join(COLUMNS) + "\r\n").encode())
        self.counts.update(rejects["reason"].value_counts().to_dict())
        rows = rejects.assign(file=file_name, fix=rejects["reason"].map(FIXES))
        for column in ("file", "channel", "time", "value"):
            rows[column] = _as_plain_text(rows[column])
        rows.to_csv(self._handle, columns=list(COLUMNS), header=False, index=False, lineterminator="\r\n", mode="wb")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if error is None and self._handle is None and self.path.is_file() and is_reject_file(self.path):
            self.path.resolve().unlink(missing_ok=True)


def _as_plain_text(cells: pd.Series) -> pd.Series:
    """Return text that no spreadsheet takes for a formula, and no terminal for orders.

    What begins like a formula gets an apostrophe, numbers do not; control characters become visible escapes.
    """
    import pandas as pd

    text = cells.fillna("").astype(str)
    text = text.str.replace(_CONTROL_CHARACTERS, lambda found: found[0].encode("unicode_escape").decode(), regex=True)
    is_formula = text.str.startswith(_FORMULA_STARTS) & pd.to_numeric(text, errors="coerce").isna()
    return text.where(~is_formula, "'" + text)
