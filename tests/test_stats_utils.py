"""Tests of lib/stats_utils.py."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.stats_utils import grouped_quantiles, label_runs, sum_by_place


def test_label_runs_numbers_each_unbroken_run():
    flags = pd.Series([False, True, True, False, True, True, True, False, False, True])
    none_new = pd.Series([False] * 10)
    assert label_runs(flags, none_new).tolist() == [0, 1, 1, 0, 2, 2, 2, 0, 0, 3]


def test_label_runs_breaks_at_a_new_group_and_keeps_the_index():
    flags = pd.Series([True, True, True, True], index=[7, 8, 20, 21])
    new_group = pd.Series([True, False, True, False], index=flags.index)
    runs = label_runs(flags, new_group)
    assert runs.tolist() == [1, 1, 2, 2]
    assert runs.index.tolist() == [7, 8, 20, 21]


def test_a_new_group_outside_a_run_does_not_start_one():
    assert label_runs(pd.Series([False, False, True]), pd.Series([True, True, False])).tolist() == [0, 0, 1]


def test_label_runs_of_nothing():
    empty = pd.Series([], dtype=bool)
    assert label_runs(empty, empty).tolist() == []


def test_grouped_quantiles_by_hand():
    # Group 0 holds 1, 2, 3, 4: the quartile lies a quarter of the way from the 1st to the 4th, at 1.75.
    values = [4.0, 10.0, 1.0, np.nan, 3.0, 2.0, 99.0]
    groups = [0, 2, 0, 0, 0, 0, -1]
    quantiles, counts = grouped_quantiles(values, groups, 3, [0.0, 0.25, 0.5, 1.0])
    assert counts.tolist() == [4, 0, 1]
    assert quantiles[0].tolist() == [1.0, 1.75, 2.5, 4.0]
    assert np.isnan(quantiles[1]).all()
    assert quantiles[2].tolist() == [10.0, 10.0, 10.0, 10.0]


def test_grouped_quantiles_of_nothing():
    quantiles, counts = grouped_quantiles([], [], 2, [0.5])
    assert np.isnan(quantiles).all()
    assert counts.tolist() == [0, 0]


@given(
    rows=st.lists(st.tuples(st.floats(-1e9, 1e9), st.integers(0, 3)), min_size=1, max_size=60),
    quantile=st.floats(0, 1),
    group_count=st.sampled_from([4, 400]),  # with many empty ones the values are sorted another way
)
def test_grouped_quantiles_agree_with_numpy(rows, quantile, group_count):
    values, groups = (np.array(column) for column in zip(*rows, strict=True))
    result, counts = grouped_quantiles(values, groups, group_count, [quantile])
    for group in range(4):
        member = values[groups == group]
        assert counts[group] == member.size
        if member.size:
            assert result[group, 0] == pytest.approx(np.quantile(member, quantile), rel=1e-9, abs=1e-6)


def test_sums_by_place_are_floats_and_0_where_a_place_has_none() -> None:
    sums = sum_by_place(np.array([0, 2, 2]), [1, 2.5, 4], 4)
    assert (sums.dtype, sums.tolist()) == (np.dtype("float64"), [1.0, 0.0, 6.5, 0.0])
    assert sum_by_place(np.array([], dtype=int), [], 2).tolist() == [0.0, 0.0]
