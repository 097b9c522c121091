"""Measured interval files in place of the model: the sandbox then serves real data in the service's own words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from lib.errors import DataError, UsageError
from operations.sandbox.noise import Columns, Floats
from operations.sandbox.site_model import METER_TYPE_ID, METER_UNITS, Catalogue, Channel

logger = logging.getLogger(__name__)

FIRST_CHANNEL_ID = 1001
DEFAULT_INTERVAL_MIN = 15
LONGEST_INTERVAL_MIN = 60
_MAC = "5410EC000000"
_OPTIONAL_FIELDS = {"voltage_v": "V", "current_a": "I", "power_factor": "PF"}
_SUMMED = ("E",)
_HAS_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"


class ReplaySite:
    """Readings from a table of measured intervals.

    Parameters
    ----------
    readings
        As `prepare_replay` returns it.
    time_zone
        IANA zone of the site.
    """

    def __init__(self, readings: pd.DataFrame, time_zone: str) -> None:
        self._rows: dict[int, dict[str, Floats]] = {}
        self._resolution_s: dict[int, int] = {}
        channels = []
        for channel_id, (name, rows) in enumerate(readings.groupby("channel", sort=False), FIRST_CHANNEL_ID):
            rows = rows.sort_values("ts")
            self._rows[channel_id] = {column: rows[column].to_numpy() for column in rows.columns.drop("channel")}
            self._resolution_s[channel_id] = int(rows["interval_s"].iloc[0])
            channels.append(_make_channel(channel_id, str(name), int(rows["ts"].iloc[0])))
        self.catalogue = Catalogue(tuple(channels), site_name="Replay site", time_zone=time_zone)

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the interval length of a channel's file [s]."""
        return self._resolution_s[channel.channel_id]

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        """Return ``ts`` and all fields of the intervals that the files have a row for; unmeasured fields are NaN."""
        rows = self._rows[channel.channel_id]
        first, last = np.searchsorted(rows["ts"], [start_s, start_s + count * resolution_s])
        bucket = (rows["ts"][first:last] - start_s) // resolution_s
        exists = np.bincount(bucket, minlength=count) > 0
        columns: Columns = {"ts": start_s + resolution_s * np.flatnonzero(exists)}
        for field in METER_UNITS:
            if field in rows:
                values = _combine(rows[field][first:last], bucket, count, is_sum=field in _SUMMED)
                columns[field] = values[exists]
            else:
                columns[field] = np.full(columns["ts"].size, np.nan)
        return columns


def load_replay(paths: Sequence[Path], time_zone: str, interval_min: int = DEFAULT_INTERVAL_MIN) -> pd.DataFrame:
    """Read measured files for `ReplaySite`; see `prepare_replay` for their columns.

    Raises
    ------
    DataError
        When a file cannot be read or lacks a column.
    """
    tables = []
    for path in paths:
        try:
            table = pd.read_csv(path, dtype={"channel": str, "timestamp": str})
        except (OSError, ValueError) as err:
            raise DataError(f"cannot read {path}: {err}; give CSV files, plain or gzipped") from err
        tables.append(prepare_replay(table, time_zone, interval_min, label=path.name))
    joined = pd.concat(tables, ignore_index=True)
    return _drop_rows(joined, joined.duplicated(["channel", "ts"]), "duplicates between files", "all files")


def prepare_replay(
    table: pd.DataFrame, time_zone: str, interval_min: int = DEFAULT_INTERVAL_MIN, *, label: str = "replay"
) -> pd.DataFrame:
    """Return a table of measured intervals as the service's own quantities.

    Parameters
    ----------
    table
        Columns ``channel``, ``timestamp`` (start of the interval, with offset or naive in `time_zone`), and
        ``energy_kwh`` or ``power_kw`` or both; optional ``interval_minutes``, ``voltage_v``, ``current_a`` and
        ``power_factor``.
    interval_min
        Length of an interval where the table does not say [minutes]; it is never guessed from the times.

    Returns
    -------
    pd.DataFrame
        ``channel``, ``ts`` [Unix s], ``interval_s`` [s], ``E`` [Wh], ``P`` [W] and the optional fields.
    """
    missing = {"channel", "timestamp"} - set(table.columns)
    if missing or not {"energy_kwh", "power_kw"} & set(table.columns):
        raise DataError(f"{label} should have the columns channel, timestamp and energy_kwh or power_kw")
    table = table.assign(channel=table["channel"].astype(str))
    length_min = table.get("interval_minutes", interval_min)
    rows = pd.DataFrame({"channel": table["channel"], "interval_s": length_min}, index=table.index)
    # A length that is no number becomes 0, and is refused below.
    rows["interval_s"] = (pd.to_numeric(rows["interval_s"], errors="coerce").fillna(0) * 60).astype("int64")
    if (rows.groupby("channel")["interval_s"].nunique() > 1).any():
        raise DataError(f"{label} has a channel with intervals of several lengths; split the file")
    if not rows["interval_s"].between(60, LONGEST_INTERVAL_MIN * 60).all():
        raise UsageError(f"{label}: intervals should be from 1 to {LONGEST_INTERVAL_MIN} minutes long")
    hours = rows["interval_s"] / 3600.0
    energy_kwh, power_kw = (
        pd.to_numeric(table[name], errors="coerce") if name in table else None for name in ("energy_kwh", "power_kw")
    )
    rows["E"] = 1000.0 * (power_kw * hours if energy_kwh is None else energy_kwh)
    rows["P"] = 1000.0 * (energy_kwh / hours if power_kw is None else power_kw)
    for column, field in _OPTIONAL_FIELDS.items():
        if column in table:
            rows[field] = pd.to_numeric(table[column], errors="coerce")
    moments = _parse_times(table, time_zone, label)
    is_time = moments.notna()
    rows["ts"] = np.where(is_time, moments.astype("int64"), 0)
    rows = _drop_rows(rows, ~is_time, "rows at a local time that the clock skips, or without a time", label)
    rows = _drop_rows(rows, rows["ts"] % rows["interval_s"] != 0, "rows off the interval grid", label)
    return _drop_rows(rows, rows.duplicated(["channel", "ts"]), "duplicates", label)


def _parse_times(table: pd.DataFrame, time_zone: str, label: str) -> pd.Series:
    """Return UTC times to the second; NaT where the local time does not exist."""
    text = table["timestamp"].astype(str).str.strip()
    has_offset = text.str.contains(_HAS_OFFSET, regex=True)
    if has_offset.any() and not has_offset.all():
        raise DataError(f"{label} mixes times with and without an offset; make them alike")
    parsed = pd.to_datetime(text, utc=bool(has_offset.all()), errors="coerce", format="ISO8601")
    if not has_offset.all():
        # A wall-clock time that stands twice is the repeated hour of autumn: summer time comes first.
        is_first_pass = ~pd.DataFrame({"channel": table["channel"], "wall": parsed}).duplicated()
        parsed = parsed.dt.tz_localize(
            ZoneInfo(time_zone), ambiguous=is_first_pass.to_numpy(), nonexistent="NaT"
        ).dt.tz_convert("UTC")
    return parsed.dt.as_unit("s")


def _drop_rows(rows: pd.DataFrame, unwanted: pd.Series, what: str, label: str) -> pd.DataFrame:
    if count := int(unwanted.sum()):
        logger.warning("%s: left out %d %s", label, count, what)
    return rows[~unwanted]


def _combine(values: Floats, bucket: np.ndarray, count: int, *, is_sum: bool) -> Floats:
    known = ~np.isnan(values)
    numbers = np.bincount(bucket[known], minlength=count)
    totals = np.bincount(bucket[known], weights=values[known], minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(numbers > 0, totals if is_sum else totals / numbers, np.nan)


def _make_channel(channel_id: int, name: str, installed_s: int) -> Channel:
    number = channel_id - FIRST_CHANNEL_ID
    return Channel(
        channel_id=channel_id,
        name=name,
        load="replay",
        device_id=2001 + number,
        device_name=f"Meter {number % 8 + 1}",
        device_type_id=METER_TYPE_ID,
        uuid=f"{int(_MAC, 16) + number // 8:012X}{number % 8 + 1:04X}",
        installed_s=installed_s,
        organization_name="Replay site",
        meter_id=3001 + number,
        gateway_id=1 + number // 8,
        gateway_name=f"Replay {1 + number // 8}",
    )
