"""Which meter is the sum of which others: sites of known wiring, and loads that only look alike."""

from __future__ import annotations

import time
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from generated_sites import GeneratedSite, make_site

from lib.meter_sums import Confidence, Grid, Sums, Twins, find_likely_parts, find_sums, put_on_grid


def proposed(sums: Sums) -> dict[int, tuple[int, Confidence]]:
    """Return part → its main and how sure that is."""
    return {part: (found.main, found.confidence) for found in sums.proposals for part in found.parts}


def count(sites: Iterable[GeneratedSite]) -> tuple[int, int, int, int]:
    """Return how many parts there are, how many are proposed rightly, how many wrongly, and so with high confidence."""
    total = right = wrong = wrong_and_high = 0
    for site in sites:
        found = proposed(find_sums(site.grid))
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
        sums = find_sums(make_site(seed, interval_s, 5, "flat").grid)
        assert (seed, sums) == (seed, Sums((), ()))


def test_a_proposal_says_how_much_of_the_main_it_is_and_how_sure() -> None:
    site = make_site(3, shape="rest")
    (found,) = find_sums(site.grid).proposals
    main, parts = site.kwh_of(found.main), site.kwh_of(*found.parts)
    assert dict.fromkeys(found.parts, found.main) == site.parents
    assert found.cover_ratio == pytest.approx(parts.sum() / main.sum())
    assert (round(found.weeks, 2), found.confidence) == (4.0, Confidence.HIGH)
    assert 0.5 < found.fit < 1


def test_what_is_known_is_not_proposed_again_and_what_is_answered_never() -> None:
    site = make_site(3, shape="rest")
    first, *others = sorted(site.parents)
    main = site.parents[first]
    known = find_sums(site.grid, parents={first: main})
    assert proposed(known).keys() == set(others)
    assert [found.cover_ratio for found in known.proposals] == [
        pytest.approx(find_sums(site.grid).proposals[0].cover_ratio)
    ]
    assert proposed(find_sums(site.grid, answered=[first])).keys() == set(others)
    assert find_sums(site.grid, parents=site.parents) == Sums((), ())


def test_two_meters_of_one_load_are_twins_and_neither_is_the_others_main() -> None:
    site = make_site(5, shape="rest")
    for scale in (1.0, 0.99):
        twice = site.beside([999], scale * site.kwh_of(103))
        sums = find_sums(twice.grid)
        assert sums.twins == (Twins(103, 999, pytest.approx(4.0, abs=0.01)),)
        assert proposed(sums).keys() == site.parents.keys()


def below_a_main(site: GeneratedSite, kwh: npt.NDArray[np.float64]) -> GeneratedSite:
    """Return the site with a meter 998 more, which hangs below the main of its first part."""
    grid = site.grid
    total = grid.kwh.copy()
    total[:, grid.ids.index(site.parents[min(site.parents)])] += kwh
    return site._replace(grid=grid._replace(kwh=total)).beside([998], kwh)


def run_at(site: GeneratedSite, days: int) -> npt.NDArray[np.float64]:
    """Return what runs by day, from about 8 to 17, on so many days of each week [kWh]."""
    rng = np.random.default_rng(4)
    day, hour = site.grid.local_hours // 24, site.grid.local_hours % 24
    opens, closes = rng.integers(7, 10, day.max() + 1)[day], rng.integers(16, 19, day.max() + 1)[day]
    runs = (day % 7 < days) & (hour >= opens) & (hour < closes)
    return np.asarray(np.where(runs, rng.uniform(0.8, 1.2, hour.size), 0.0))


@pytest.mark.parametrize(("days", "is_load"), [(1, True), (5, True), (6, True), (7, False)])
def test_what_rests_by_night_is_a_load_if_it_rests_on_one_day_of_the_week(days: int, is_load: bool) -> None:
    """On all days the sun may be what moves it: then nothing is said of it."""
    site = make_site(5, shape="rest")
    own = run_at(site, days)
    found = proposed(find_sums(below_a_main(site, own).grid))
    assert found.keys() == ({*site.parents, 998} if is_load else site.parents.keys())
    copy = own * (1 + 0.002 * np.sin(np.arange(own.size)))
    twins = find_sums(site.beside([998, 999], np.column_stack([own, copy])).grid).twins
    assert twins == ((Twins(998, 999, pytest.approx(4.0, abs=0.01)),) if is_load else ())


@pytest.mark.parametrize(("minutes", "is_proposed"), [(30, True), (60, False)])
def test_a_meter_that_is_often_less_than_the_sum_of_others_is_not_their_main(minutes: int, is_proposed: bool) -> None:
    """What is not metered feeds in for two or for four hundredths of the time: 97 of 100 intervals have to hold."""
    site = make_site(3, shape="main")
    kwh = site.grid.kwh.copy()
    (main,) = {*site.parents.values()}
    feeds = np.arange(len(kwh)) % 96 < minutes // 15
    kwh[feeds, site.grid.ids.index(main)] -= 0.5 * site.kwh_of(main)[feeds, 0]
    assert bool(find_sums(site._replace(grid=site.grid._replace(kwh=kwh)).grid).proposals) == is_proposed


def test_two_like_loads_are_neither_twins_nor_main_and_part() -> None:
    """Two units of one kind under one roof, in the same weather and hours, the larger one never off."""
    rng = np.random.default_rng(1)
    quarter = np.arange(4 * 672)
    shared = 2 + np.sin(2 * np.pi * quarter / 96) + 0.3 * np.cumsum(rng.normal(0, 0.1, quarter.size)) ** 2 % 1
    one = shared * rng.uniform(0.9, 1.1, quarter.size)
    other = 1.4 * shared * rng.uniform(0.9, 1.1, quarter.size)
    assert find_sums(Grid([1, 2], np.column_stack([one, other]), quarter // 4, 900)) == Sums((), ())


@pytest.mark.parametrize(("weeks", "is_enough"), [(2, True), (1, False)])
def test_fewer_than_two_weeks_say_nothing(weeks: int, is_enough: bool) -> None:
    assert bool(find_sums(make_site(3, weeks=weeks, shape="main").grid).proposals) == is_enough


def test_missing_readings_and_meters_without_any_do_no_harm() -> None:
    site = make_site(3, shape="main")
    kwh = site.grid.kwh.copy()
    kwh[:300, 0] = np.nan
    kwh[1000:1010] = np.nan
    holed = site._replace(grid=site.grid._replace(kwh=kwh))
    holed = holed.beside([998, 999], np.full((len(kwh), 2), [np.nan, 0.0]))
    assert proposed(find_sums(holed.grid)).keys() == site.parents.keys()
    assert find_sums(Grid([], np.empty((0, 0)), np.empty(0, dtype=np.int64), 900)) == Sums((), ())


def test_readings_are_put_on_the_grid_of_the_longest_interval() -> None:
    """Quarter-hours beside half hours from a Monday's 23:30 in New York on, over the next two half hours."""
    nan, start = np.nan, pd.Timestamp("2026-01-06T04:30Z")
    rows = pd.DataFrame(
        [
            (7, 0, 900, 1.0, nan, 0.0),
            (7, 15, 900, nan, 8.0, 0.0),  # the energy of the power
            (7, 30, 900, 3.0, 12.0, 0.0),  # half a step alone
            (8, 0, 1800, 4.0, -6.0, 3.0),  # net of what it fed back
            (8, 30, 1800, 5.0, nan, 2.0),
            (9, 0, 7200, 9.0, nan, 0.0),
        ],
        columns=["channel_id", "minute", "interval_s", "energy_kwh", "power_kw", "exported_energy_kwh"],
    )
    rows["interval_start"] = start + pd.to_timedelta(rows["minute"], unit="min")
    grid = put_on_grid(rows, [8, 7, 9], ZoneInfo("America/New_York"))
    assert (grid.ids, grid.interval_s, (grid.local_hours % 168).tolist()) == ([8, 7, 9], 1800, [23, 24])
    np.testing.assert_array_equal(grid.kwh, [[-3.0, 3.0, nan], [5.0, nan, nan]])
    assert put_on_grid(rows, [9], ZoneInfo("UTC")).kwh.shape == (0, 1)


def test_a_proposal_names_what_generates_behind_the_main_whatever_its_sign() -> None:
    site = make_site(5, shape="solar")
    found = find_sums(site.grid).proposals[0]
    (sun,) = found.fed_by
    assert (sun in site.parents, sun in found.parts) == (False, False)
    assert (site.kwh_of(sun)[site.grid.local_hours % 24 == 2] == 0).all()
    turned = site.grid.kwh.copy()
    turned[:, site.grid.ids.index(sun)] *= -1
    assert find_sums(site.grid._replace(kwh=turned)) == find_sums(site.grid)


def find_all(site: GeneratedSite) -> dict[int, tuple[int, Confidence]]:
    """Return part → its main and how sure that is, with what is only likely."""
    asked = proposed(find_sums(site.grid))
    likely = find_likely_parts(site.grid, {part: main for part, (main, _) in asked.items()})
    return asked | {part: (one.main, one.confidence) for one in likely for part in one.parts}


def test_likely_parts_are_most_of_those_that_were_not_asked_about() -> None:
    """At hourly sites, of which `find_sums` leaves the most to be told."""
    left = right = wrong = 0
    for seed in range(6000, 6024):
        site = make_site(seed, 3600, 6)
        asked, likely = proposed(find_sums(site.grid)), find_all(site)
        new = {part: main for part, (main, _) in likely.items() if part not in asked}
        left += sum(part not in asked for part in site.parents)
        right += sum(site.parents.get(part) == main for part, main in new.items())
        wrong += sum(site.parents.get(part) != main for part, main in new.items())
        assert all(sure is not Confidence.HIGH for part, (_, sure) in likely.items() if part in new)
    assert left >= 15
    assert right >= 0.8 * left
    assert wrong <= 0.1 * right


def test_parts_of_a_main_most_of_which_is_not_metered_are_likely() -> None:
    rng = np.random.default_rng(4)
    local_hours = np.arange(6 * 168)
    parts = rng.uniform(0.5, 1.5, (2, local_hours.size)) * [[2.0], [1.5]]
    rest = rng.uniform(0.0, 14.0, local_hours.size)
    kwh = np.column_stack([parts.sum(axis=0) + rest, *parts])
    grid = Grid([1, 2, 3], kwh, local_hours, 3600)
    assert find_sums(grid).proposals == ()
    found = find_likely_parts(grid, {})
    assert {part: (one.main, one.confidence) for one in found for part in one.parts} == {
        2: (1, Confidence.LOW),
        3: (1, Confidence.LOW),
    }
    assert find_likely_parts(grid, {}, answered=[1, 2, 3]) == ()
    assert find_likely_parts(grid, {2: 1, 3: 1}) == ()


@pytest.mark.slow
def test_sixty_meters_over_twelve_weeks_take_seconds_of_processor_time() -> None:
    """Measured: 2.5 s, however many threads the matrix library may have; with its threads 37 s."""
    sites = [make_site(seed, weeks=12, shape="rest") for seed in range(6)]
    kwh = np.column_stack([site.grid.kwh for site in sites])[:, :61]
    grid = Grid(list(range(1, 62)), kwh, sites[0].grid.local_hours, 900)
    began = time.process_time()
    sums = find_sums(grid)
    assert time.process_time() - began < 6
    assert len(sums.proposals) > 6
