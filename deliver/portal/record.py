"""Remembers what was published in a portal's folder, so that only what changed is written and only its own removed.

The record stands in the folder itself. A page is entered before it is written: what a kill leaves behind is known.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec

from deliver.portal.links import is_page_place
from lib.bounded_files import MIB, read_whole
from lib.errors import DataError, PipelineError, UsageError
from lib.paths import check_folder, open_atomically

RECORD, LOCK = ".portal.json", ".portal.lock"
FORMAT = 1
_MAX_RECORD_BYTES = 256 * MIB  # a thousand sites of a year have some 20 MB


class Figures(msgspec.Struct, frozen=True):
    """What lists show of a stored report; energy in kWh, costs a week in `currency`, None where it does not tell."""

    start: str
    end: str
    version: int
    is_forced: bool
    total_kwh: float | None = None
    is_at_least: bool = False
    change_pct: float | None = None
    savings_weekly: float | None = None
    currency: str | None = None
    completeness_pct: float | None = None
    headline: tuple[str, ...] = ()


class Published(msgspec.Struct, frozen=True):
    """A page in the folder: what it was made from, its content, and for a report's page what lists show of it."""

    source: str
    sha256: str = ""
    size: int = -1
    trail: str = ""
    figures: Figures | None = None


class SiteFacts(msgspec.Struct, frozen=True):
    """What the list of all sites shows of one, besides the figures of its newest week; times as ISO 8601, local."""

    site_id: int
    name: str
    place: str  # where it is, on one line
    data_source: str
    verdict: str
    is_current: bool
    failed_checks: int
    warnings: int
    held_because: str | None
    reading_end: str | None  # end of its newest reading
    fetched_at: str | None  # when the service last answered
    attempts_failed: int
    meters: int
    silent_meters: int
    open_findings: int
    country: str | None = None  # whose way of writing dates its readers are used to
    week: date | None = None  # Monday of its newest reported week
    week_problem: str = ""  # why that has no page
    figures: Figures | None = None


class Record(msgspec.Struct):
    """What a folder holds of the portal."""

    portal: int = FORMAT
    database: str = ""
    pages: dict[str, Published] = {}
    sites: dict[int, SiteFacts] = {}


class Folder:
    """A portal's folder, held by this process alone; `open_folder` gives it."""

    def __init__(self, path: Path, record: Record) -> None:
        self.path, self.database = path, record.database
        self.pages, self.sites = record.pages, record.sites
        self.written: list[str] = []
        self.removed: list[str] = []

    def is_there(self, place: str, source: str, trail: str = "") -> bool:
        """Return whether the page was made from this source and stands in the folder as it was written."""
        known = self.pages.get(place)
        return known is not None and (known.source, known.trail) == (source, trail) and self._is_whole(place, known)

    def _is_whole(self, place: str, known: Published) -> bool:
        try:
            return (self.path / place).stat().st_size == known.size
        except OSError:
            return False

    def put(self, place: str, text: str, source: str, trail: str = "", figures: Figures | None = None) -> None:
        """Write a page; one that says the same as before is not touched."""
        content = text.encode("utf-8")
        entry = Published(source, hashlib.sha256(content).hexdigest(), len(content), trail, figures)
        known = self.pages.get(place)
        self.pages[place] = entry
        if known is not None and known.sha256 == entry.sha256 and self._is_whole(place, entry):
            return
        with open_atomically(self.path / place) as handle:
            handle.write(content)
        self.written.append(place)

    def read(self, place: str) -> str:
        """Return a page that was written before."""
        return (self.path / place).read_text(encoding="utf-8")

    def announce(self, places: set[str]) -> None:
        """Enter pages that are about to be written for the first time, and keep the record on disk."""
        if new := places - self.pages.keys():
            self.pages.update(dict.fromkeys(new, Published("")))
            self.save()

    def keep_only(self, places: set[str]) -> None:
        """Remove the pages that are not among these; what the record does not know is never touched."""
        for place in sorted(self.pages.keys() - places):
            _remove(self.path / place)
            del self.pages[place]
            self.removed.append(place)

    def save(self) -> None:
        """Write the record."""
        with open_atomically(self.path / RECORD) as handle:
            handle.write(msgspec.json.encode(Record(FORMAT, self.database, self.pages, self.sites)) + b"\n")


@contextmanager
def open_folder(path: Path, database: str = "") -> Iterator[Folder]:
    """Yield the portal in `path`, held by this process alone: another one waits. It is made where there is none.

    Parameters
    ----------
    database
        Name of the database that it tells of. Another one's sites would take the place of all that are there.

    Raises
    ------
    UsageError
        When the folder holds something else, or the portal of another database.
    PipelineError
        When it cannot be written.
    """
    check_is_own(check_folder(path))
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = (path / LOCK).open("a")
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as err:
        raise PipelineError(f"cannot write {path}: {err.strerror or err}; choose another place with --out") from err
    with handle:
        check_is_own(path)
        folder = Folder(path, _read_record(path / RECORD))
        if folder.database not in ("", database):
            raise UsageError(
                f"{path} is the portal of the database {folder.database!r}, not of {database!r}; give another --out, "
                "or remove the folder"
            )
        folder.database = database
        before = dict(folder.pages), dict(folder.sites)
        if not (path / RECORD).exists():
            folder.save()  # from now on the folder is known as the portal's
        try:
            yield folder
        finally:
            if (folder.pages, folder.sites) != before:
                folder.save()


def check_is_own(path: Path) -> None:
    """Raise a UsageError where a folder holds what no portal wrote; names that begin with a dot may stand in it."""
    if (path / RECORD).is_file() or not path.is_dir():
        return
    others = sorted(each.name for each in path.iterdir() if not each.name.startswith("."))
    if others:
        raise UsageError(f"{path} holds {others[0]!r} and is no portal of this project; give an empty or a new folder")


def _read_record(path: Path) -> Record:
    """Return the record; pages of another format of it are known by their places alone, and are made anew."""
    if not path.exists():
        return Record()
    try:
        record = msgspec.json.decode(read_whole(path, _MAX_RECORD_BYTES), type=Record)
    except (OSError, msgspec.MsgspecError, DataError) as err:
        raise DataError(f"cannot read {path} ({err}); remove the portal's folder and publish again") from err
    if strange := [place for place in record.pages if not is_page_place(place)]:
        raise DataError(f"{path} names {strange[0][:80]!r}, which is no page; remove the folder and publish again")
    if record.portal != FORMAT:
        return Record(pages=dict.fromkeys(record.pages, Published("")))
    return record


def _remove(path: Path) -> None:
    """Remove a page, and the folder of a site that holds nothing else."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    except OSError as err:
        raise PipelineError(f"cannot remove {path}: {err.strerror or err}; check who owns its folder") from err


def source_of(*parts: object, encode: Callable[[object], bytes] = msgspec.json.encode) -> str:
    """Return what tells one content from another."""
    return hashlib.sha256(encode(parts)).hexdigest()
