"""Statistics that several analyses share. Pure and vectorised: arrays in, arrays out, NaN is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

_MAX_TABLE_RATIO = 4  # cells of a table of groups for each value in it, before sorting by keys takes less room


def label_runs(flags: pd.Series, new_group: pd.Series) -> pd.Series:
    """Number the unbroken runs of True in `flags`.

    Parameters
    ----------
    flags
        Boolean, in time order within each group.
    new_group
        Boolean, True on a row that cannot continue the row before it (another channel, or a hole in time).

    Returns
    -------
    pd.Series
        Int64: 1, 2, 3 … for the rows of each run, and 0 where `flags` is False.
    """
    values = flags.to_numpy(dtype=bool)
    previous = np.concatenate(([False], values[:-1]))
    starts = values & (~previous | new_group.to_numpy(dtype=bool))
    return pd.Series(np.where(values, np.cumsum(starts), 0), index=flags.index, dtype="int64")


def with_columns(rows: pd.DataFrame, columns: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Return `rows` with further columns, or others in their place; `assign` puts them in one by one, and copies all.

    The arrays become the frame's own: whoever gave them must not change them.
    """
    known = [name for name in columns if name in rows]
    added = pd.DataFrame(dict(columns), index=rows.index, copy=False)
    added.columns = added.columns.astype(object)
    return pd.concat([rows.drop(columns=known) if known else rows, added], axis=1)


def sum_by_place(place: npt.NDArray[np.integer], values: npt.ArrayLike, count: int) -> npt.NDArray[np.float64]:
    """Return the sums of `values` by their place, from 0 to `count` − 1; 0 where a place has none.

    Parameters
    ----------
    place : (n,) integers, 0 or more
    values : (n,) floats
    """
    return np.bincount(place, weights=np.asarray(values, dtype=np.float64), minlength=count).astype(
        np.float64, copy=False
    )


def grouped_quantiles(
    values: npt.ArrayLike, groups: npt.ArrayLike, group_count: int, quantiles: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return quantiles of `values` within each group, all groups at once.

    Linear interpolation between order statistics, definition 7 of Hyndman & Fan (1996), "Sample Quantiles in
    Statistical Packages", The American Statistician 50(4), doi:10.1080/00031305.1996.10473566.

    Parameters
    ----------
    values : (n,) floats
        NaN is missing and left out.
    groups : (n,) integers
        From 0 to `group_count` − 1; rows with a negative group are left out.
    quantiles : (q,) floats between 0 and 1

    Returns
    -------
    (group_count, q) floats
        NaN where a group has no value.
    (group_count,) integers
        How many values each group has.
    """
    value = np.asarray(values, dtype=float)
    group = np.asarray(groups, dtype=np.int64)
    wanted = np.asarray(quantiles, dtype=float)
    keep = ~np.isnan(value) & (group >= 0)
    value, group = value[keep], group[keep]
    counts = np.bincount(group, minlength=group_count)
    value = _sort_within(value, group, counts)
    result = np.full((group_count, wanted.size), np.nan)
    filled = counts > 0
    first = (np.cumsum(counts) - counts)[filled, None]
    position = (counts[filled, None] - 1) * wanted[None, :]
    below = np.floor(position).astype(np.int64)
    above = np.ceil(position).astype(np.int64)
    low, high = value[first + below], value[first + above]
    result[filled] = low + (high - low) * (position - below)
    return result, counts


def _sort_within(
    value: npt.NDArray[np.float64], group: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return `value` by group and, within each, by size.

    As `numpy.lexsort` would, and five times as quick where the groups are of like size: their rows of a table are
    sorted, which needs no order of places.
    """
    widest = counts.max(initial=0)
    if counts.size * widest > _MAX_TABLE_RATIO * value.size:
        return value[np.lexsort((value, group))]
    table, inside = np.full((counts.size, widest), np.inf), np.arange(widest) < counts[:, None]
    # Of 16-bit numbers NumPy's stable sort is a radix sort.
    short = group.astype(np.uint16) if counts.size <= 1 << 16 else group
    table[inside] = value[np.argsort(short, kind="stable")]
    table.sort(axis=1)
    return table[inside]


def nan_quantiles(values: npt.NDArray[np.float64], quantiles: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return quantiles along the last axis, NaN left out; many short rows at once.

    Definition 7 of Hyndman & Fan (1996), as `grouped_quantiles`.

    Parameters
    ----------
    values : (…, n) floats
    quantiles : (q,) floats between 0 and 1

    Returns
    -------
    (…, q) floats
        NaN where a row has no value.
    """
    if values.shape[-1] == 0:
        return np.full((*values.shape[:-1], np.size(quantiles)), np.nan)
    ordered = np.sort(values, axis=-1)  # NaN sorts last
    wanted, last = np.atleast_1d(quantiles).astype(float), values.shape[-1] - 1
    if not np.isnan(ordered[..., -1]).any():  # the same places in every row
        below, above = np.floor(last * wanted).astype(np.int64), np.ceil(last * wanted).astype(np.int64)
        low, high = ordered[..., below], ordered[..., above]
        return low + (high - low) * (last * wanted - below)
    position = np.maximum(last - np.isnan(ordered).sum(axis=-1)[..., None], 0) * wanted
    below = np.floor(position).astype(np.int64)
    low = np.take_along_axis(ordered, below, axis=-1)
    high = np.take_along_axis(ordered, np.ceil(position).astype(np.int64), axis=-1)
    return low + (high - low) * (position - below)
