"""One door for every kind of interval file: what channels a file has, and its readings part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from ingest.files.green_button import read_green_button, survey_green_button
from ingest.files.interval_file import open_bytes, read_chunks
from ingest.files.layout import LayoutOptions
from ingest.files.parse import FilePart, cut_at_day, parse_part
from ingest.files.survey import FileFacts, survey_file
from lib.errors import UsageError

_SNIFFED_BYTES = 512


class FileOptions(NamedTuple):
    """What the operator says of a file; None leaves it to the file."""

    layout: LayoutOptions = LayoutOptions()
    interval_s: int | None = None
    date_format: str | None = None


class FileSource(NamedTuple):
    """A file that was surveyed.

    Attributes
    ----------
    channels
        Channel → length of its intervals [s].
    notes
        What the operator should know, one line each.
    standard_offset_s
        The offset of the site's zone in winter [s], where the file says it.
    read
        Yields its readings, given the zone of times without an offset, and the present in epoch seconds.
    """

    name: str
    channels: dict[str, int]
    notes: list[str]
    standard_offset_s: int | None
    read: Callable[[ZoneInfo, float], Iterator[FilePart]]


def open_source(path: Path, options: FileOptions) -> FileSource:
    """Survey a file of either kind.

    Raises
    ------
    DataError
        When it cannot be read, or does not tell what is needed.
    """
    with open_bytes(path) as handle:
        is_xml = handle.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    return _open_green_button(path, options) if is_xml else _open_table(path, options)


def _open_table(path: Path, options: FileOptions) -> FileSource:
    facts = survey_file(path, options.layout, interval_s=options.interval_s, date_format=options.date_format)
    label = "ends" if facts.layout.is_end else "starts"
    lengths = sorted(set(facts.interval_s.values()))
    notes = [
        f"{facts.row_count:,} rows, {len(facts.interval_s)} channels, intervals of "
        f"{' and '.join(f'{length / 60:g}' for length in lengths)} minutes, times are interval {label}"
    ]
    if facts.layout.ignored:
        notes.append(f"left out, as no quantity kept here: columns {', '.join(facts.layout.ignored)}")

    def read(clock: ZoneInfo, now_s: float) -> Iterator[FilePart]:
        zone = ZoneInfo("UTC") if facts.layout.is_utc else clock
        for chunk in _whole_days(facts):
            yield parse_part(chunk, facts, zone, now_s)

    return FileSource(path.name, facts.interval_s, notes, None, read)


def _whole_days(facts: FileFacts) -> Iterator[pd.DataFrame]:
    """Yield a file's rows in chunks that never part a local day."""
    kept: list[pd.DataFrame] = []
    for chunk in read_chunks(facts.path, facts.dialect):
        joined = pd.concat([*kept, chunk])
        cut = cut_at_day(joined, facts)
        if cut < len(joined):
            kept = [joined.iloc[cut:]]
            yield joined.iloc[:cut]
        else:
            kept = []
            yield joined
    if kept:
        yield kept[0]


def _open_green_button(path: Path, options: FileOptions) -> FileSource:
    if options.layout.unit or options.layout.is_end is not None or options.layout.columns or options.date_format:
        raise UsageError(
            f"{path.name}: a Green Button file says its units and times itself; leave out --unit, --interval-end, "
            "--column and --date-format"
        )
    file = survey_green_button(path, interval_s=options.interval_s, channel_name=options.layout.channel_name)
    notes = [f"left out: {line}" for line in file.left_out] + ([file.zone_hint] if file.zone_hint else [])
    lengths = {meter.channel: meter.interval_s for meter in file.meters.values()}
    return FileSource(
        path.name, lengths, notes, file.standard_offset_s, lambda clock, now_s: read_green_button(file, clock, now_s)
    )
