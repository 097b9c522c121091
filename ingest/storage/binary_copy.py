"""Rows of `readings` in PostgreSQL's binary COPY format, built by whole columns. Pure: bytes out, no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# PostgreSQL counts time stamps in microseconds from the year 2000.
_POSTGRES_EPOCH_S = 946_684_800
_COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
_COPY_TRAILER = b"\xff\xff"
DOUBLE_COLUMNS = frozenset({"energy_kwh", "power_kw", "exported_energy_kwh"})
_INTEGER_COLUMNS = frozenset({"interval_s"})  # the other whole numbers are bigint


def columns_with_values(rows: pd.DataFrame) -> list[str]:
    """Return the columns of numbers in which any row has a value."""
    return [name for name in rows.columns if not np.isnan(rows[name].to_numpy()).all()]


def encode_binary_rows(timestamp_s: np.ndarray, values: pd.DataFrame, constants: dict[str, int]) -> bytes:
    """Return rows in PostgreSQL's binary COPY format, built by whole columns.

    Text would cost a decimal conversion of every number on both sides; this is one structured array for each pattern
    of missing values, of which a reply has few, for a NULL takes no bytes in a row. See "Binary Format" under COPY in
    PostgreSQL's manual.

    Parameters
    ----------
    timestamp_s : (n,) int64
        Epoch seconds UTC.
    values : (n, k) floats
        NaN is missing.
    constants
        Whole-number column → its value in every row. A row holds these, then the time, then `values`.
    """
    micros = (timestamp_s.astype(np.int64) - _POSTGRES_EPOCH_S) * 1_000_000
    columns = {name: values[name].to_numpy() for name in values.columns}
    # One bit a column says what a row lacks; 24 columns are far from the 63 bits there are.
    pattern = np.zeros(len(values), dtype=np.int64)
    for bit, column in enumerate(columns.values()):
        pattern |= np.isnan(column).astype(np.int64) << bit
    blocks = []
    for code in np.unique(pattern):
        rows = pattern == code
        present = {name: column[rows] for bit, (name, column) in enumerate(columns.items()) if not code >> bit & 1}
        blocks.append(_encode_alike_rows(micros[rows], list(columns), present, constants))
    return b"".join([_COPY_SIGNATURE, *blocks, _COPY_TRAILER])


def _encode_alike_rows(
    micros: np.ndarray, names: list[str], present: dict[str, np.ndarray], constants: dict[str, int]
) -> bytes:
    """Encode rows that all lack the same columns: each field is its length, then its bytes; length −1 is NULL."""
    layout: list[tuple[str, str]] = [("field_count", ">i2")]
    for name in [*constants, "timestamp", *names]:
        layout.append((f"{name}_length", ">i4"))
        if name in present:
            layout.append((name, ">f8" if name in DOUBLE_COLUMNS else ">f4"))
        elif name not in names:
            layout.append((name, ">i4" if name in _INTEGER_COLUMNS else ">i8"))
    # All that is the same in every row is written once and repeated; only the values are filled in by column.
    first = np.zeros(1, dtype=layout)
    first["field_count"] = len(constants) + 1 + len(names)
    for name in [*constants, "timestamp", *names]:
        is_null = name in names and name not in present
        first[f"{name}_length"] = -1 if is_null else first.dtype[name].itemsize
    for name, value in constants.items():
        first[name] = value
    rows = np.repeat(first, micros.size)
    rows["timestamp"] = micros
    for name, column in present.items():
        rows[name] = column
    return rows.tobytes()
