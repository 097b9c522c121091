"""Which meter is the sum of which others: sites of known wiring, and loads that only look alike."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from generated_sites import GeneratedSite, make_site

from lib.meter_sums import Confidence, Sums, Twins, find_sums


def proposed(sums: Sums) -> dict[int, tuple[int, Confidence]]:
    """Return part → its main and how sure that is."""
    return {part: (found.main, found.confidence) for found in sums.proposals for part in found.parts}


def find(site: GeneratedSite, **known: object) -> Sums:
    return find_sums(site.ids, site.kwh, site.local_hours, site.interval_s, **known)  # type: ignore[arg-type]


def count(sites: Iterable[GeneratedSite]) -> tuple[int, int, int, int]:
    """Return how many parts there are, how many are proposed rightly, how many wrongly, and so with high confidence."""
    total = right = wrong = wrong_and_high = 0
    for site in sites:
        found = proposed(find(site))
        total += len(site.parents)
        right += sum(found.get(part, (None,))[0] == main for part, main in site.parents.items())
        mistakes = [sure for part, (main, sure) in found.items() if site.parents.get(part) != main]
        wrong += len(mistakes)
        wrong_and_high += mistakes.count(Confidence.HIGH)
    return total, right, wrong, wrong_and_high


@pytest.mark.parametrize(("interval_s", "least_found"), [(900, 0.93), (3600, 0.88)])
def test_what_is_proposed_is_right_and_never_wrong_for_sure(interval_s: int, least_found: float) -> None:
    """At sites with parts of a tenth of a kilowatt beside mains of a hundred, and up to 38 % not metered apart."""
    total, right, wrong, wrong_and_high = count(make_site(seed, interval_s, 6) for seed in range(40))
    assert right >= least_found * total > 200
    assert right >= 0.98 * (right + wrong)
    assert wrong_and_high == 0


@pytest.mark.parametrize("interval_s", [900, 3600])
def test_a_site_of_single_loads_has_no_main(interval_s: int) -> None:
    for seed in range(20):
        sums = find(make_site(seed, interval_s, 5, "flat"))
        assert (seed, sums) == (seed, Sums((), ()))


def test_a_proposal_says_how_much_of_the_main_it_is_and_how_sure() -> None:
    site = make_site(3, shape="rest")
    (found,) = find(site).proposals
    main = site.kwh[:, site.ids.index(found.main)]
    parts = site.kwh[:, [site.ids.index(part) for part in found.parts]]
    assert dict.fromkeys(found.parts, found.main) == site.parents
    assert found.cover_ratio == pytest.approx(parts.sum() / main.sum())
    assert (round(found.weeks, 2), found.confidence) == (4.0, Confidence.HIGH)
    assert 0.5 < found.fit < 1


def test_what_is_known_is_not_proposed_again_and_what_is_answered_never() -> None:
    site = make_site(3, shape="rest")
    first, *others = sorted(site.parents)
    main = site.parents[first]
    known = find(site, parents={first: main})
    assert proposed(known).keys() == set(others)
    assert [found.cover_ratio for found in known.proposals] == [pytest.approx(find(site).proposals[0].cover_ratio)]
    assert proposed(find(site, answered=[first])).keys() == set(others)
    assert find(site, parents=site.parents) == Sums((), ())


def test_two_meters_of_one_load_are_twins_and_neither_is_the_others_main() -> None:
    site = make_site(5, shape="rest")
    copied = site.kwh[:, [site.ids.index(103)]]
    for scale in (1.0, 0.99):
        twice = site._replace(ids=[*site.ids, 999], kwh=np.column_stack([site.kwh, scale * copied]))
        sums = find(twice)
        assert sums.twins == (Twins(103, 999, pytest.approx(4.0, abs=0.01)),)
        assert proposed(sums).keys() == site.parents.keys() - set()


def test_two_like_loads_are_neither_twins_nor_main_and_part() -> None:
    """Two units of one kind under one roof, in the same weather and hours, the larger one never off."""
    rng = np.random.default_rng(1)
    quarter = np.arange(4 * 672)
    shared = 2 + np.sin(2 * np.pi * quarter / 96) + 0.3 * np.cumsum(rng.normal(0, 0.1, quarter.size)) ** 2 % 1
    one = shared * rng.uniform(0.9, 1.1, quarter.size)
    other = 1.4 * shared * rng.uniform(0.9, 1.1, quarter.size)
    assert find_sums([1, 2], np.column_stack([one, other]), quarter // 4, 900) == Sums((), ())


@pytest.mark.parametrize(("weeks", "is_enough"), [(2, True), (1, False)])
def test_fewer_than_two_weeks_say_nothing(weeks: int, is_enough: bool) -> None:
    assert bool(find(make_site(3, weeks=weeks, shape="main")).proposals) == is_enough


def test_missing_readings_and_meters_without_any_do_no_harm() -> None:
    site = make_site(3, shape="main")
    kwh = site.kwh.copy()
    kwh[:300, 0] = np.nan
    kwh[1000:1010] = np.nan
    holed = site._replace(ids=[*site.ids, 998, 999], kwh=np.column_stack([kwh, np.full((len(kwh), 2), [np.nan, 0.0])]))
    assert proposed(find(holed)).keys() == site.parents.keys()
    assert find_sums([], np.empty((0, 0)), np.empty(0, dtype=np.int64), 900) == Sums((), ())
