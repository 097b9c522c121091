"""Bills held against those that NREL's System Advisor Model works out: figures of tests/benchmarks/sam_bills.py."""

import pytest
from sam_comparison import BILLS, KINDS, OTHERWISE, SAME, ours
from sam_loads import LOADS

MAX_DIFFERENCE = 1e-4  # of an amount
HALF_A_CENT = 0.005  # of each line, which is rounded


def test_the_matrix_is_whole():
    assert len(BILLS) >= 23
    assert all(set(bill["months"]) == set(LOADS) for bill in BILLS.values())
    assert all(
        len(months) == 12 for bill in BILLS.values() for own in bill["months"].values() for months in own.values()
    )
    assert set(OTHERWISE) <= set(BILLS)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("name", BILLS)
def test_every_month_is_billed_as_sam_bills_it(name, load):
    expected, found = BILLS[name]["months"][load], ours(name, load)
    otherwise = OTHERWISE.get(name, SAME)
    for kind in KINDS:
        right = expected.get(kind, [0.0] * 12)
        for month, ((amount, lines), sam) in enumerate(zip(found[kind], right, strict=True), 1):
            margin = MAX_DIFFERENCE * abs(sam) + HALF_A_CENT * lines + 1e-6
            assert kind in otherwise.kinds or abs(amount - sam) <= margin, (kind, month)
        whole, sam_year = sum(amount for amount, _ in found[kind]), sum(right)
        is_open = kind in otherwise.kinds and not otherwise.is_year_same
        assert is_open or abs(whole - sam_year) <= MAX_DIFFERENCE * abs(sam_year) + 0.1, kind


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_billed_otherwise_is_so_still(name):
    found, expected = ours(name, "plant"), BILLS[name]["months"]["plant"]
    for kind in OTHERWISE[name].kinds:
        pairs = zip(found[kind], expected[kind], strict=True)
        assert any(abs(amount - sam) > MAX_DIFFERENCE * abs(sam) for (amount, _), sam in pairs)
