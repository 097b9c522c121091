"""What findings that are done have saved, up to a year after: the band holds what was planted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from planted_news import (
    DONE,
    FIRST_REPORT,
    HORIZONS,
    USD_PER_KWH,
    Kind,
    Plant,
    Saved,
    replay_savings,
    weekly_kwh,
)
from year_replay import monday

from analyze.load.savings_data import Wasted
from analyze.week.done_savings import ALL_BEFORE, Before, Claim, baseline_of, hold_against_the_year
from govern.schema.files import apply_migrations, apply_views
from lib import db
from lib.findings import total_ledger
from operations.postgres.server import ensure_database

LONG, SHORT, BRIEF = 10, 11, 12
PLANTS = (
    Plant(LONG, monday(FIRST_REPORT) + timedelta(days=2), Kind.SOME_NIGHTS, 6.0, days=7 * (DONE - FIRST_REPORT) - 2),
    Plant(SHORT, monday(DONE - 4) + timedelta(days=2), Kind.SOME_NIGHTS, 6.0, days=26),
    Plant(BRIEF, monday(DONE - 1), Kind.SOME_NIGHTS, 6.0, days=7),
)
WEEKLY_KWH = 3 * 13 * 6.0  # nights, hours, kW


@pytest.fixture(scope="module")
def year(postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saved]:
    with db.connect(ensure_database(postgres_url, "done_savings")) as conn, pytest.MonkeyPatch.context() as patch:
        apply_migrations(conn)
        apply_views(conn)
        yield replay_savings(conn, tmp_path_factory.mktemp("savings"), patch, PLANTS)


def test_what_is_planted_is_known() -> None:
    assert {weekly_kwh(plant) for plant in PLANTS} == {WEEKLY_KWH}


@pytest.mark.slow
@pytest.mark.parametrize("meter", [LONG, SHORT, BRIEF])
@pytest.mark.parametrize("weeks", HORIZONS)
def test_the_band_holds_what_was_planted(year: Saved, meter: int, weeks: int) -> None:
    entry = year.savings[weeks][meter]
    assert (entry["status"], entry["weeks"]) == ("verified_saving", weeks)
    kwh, cost = entry["savedKwh"], entry["savedCost"]
    assert kwh["low"] <= WEEKLY_KWH <= kwh["high"]
    assert cost["low"] <= WEEKLY_KWH * USD_PER_KWH <= cost["high"]
    assert kwh["likely"] == pytest.approx(WEEKLY_KWH, rel=0.1)


@pytest.mark.slow
def test_the_ledger_after_a_year(year: Saved) -> None:
    assert [(each.weeks, each.is_proved, each.is_still_there) for each in year.ledger] == [(52, True, True)] * 3
    (total,) = total_ledger(year.ledger)
    assert (total.done, total.judged, total.proved, total.still_there) == (3, 3, 3, 3)
    assert total.realized_pct == pytest.approx(100, abs=8)
    assert total.low_cost <= 3 * WEEKLY_KWH * USD_PER_KWH <= total.high_cost


def seen(*weeks: date) -> list[Any]:
    return [SimpleNamespace(week=week, status="seen") for week in weeks]


@pytest.mark.parametrize(
    ("since", "earlier", "before"),
    [
        (date(2026, 2, 23), (), Before(date(2026, 2, 23), None)),  # 56 days are a baseline of their own
        (date(2026, 2, 16), (), Before(date(2026, 2, 23), None)),  # without the first week, where 56 days are left
        (date(2026, 3, 2), (), Before(None, Wasted(date(2026, 3, 2), date(2026, 3, 9)))),
        (date(2026, 4, 13), (), Before(None, Wasted(date(2026, 4, 13), date(2026, 4, 13)))),  # there is no other week
        (date(2026, 3, 9), (date(2026, 1, 5), date(2026, 1, 12)),
         Before(date(2026, 1, 19), Wasted(date(2026, 3, 9), date(2026, 3, 16)))),
    ],
)  # fmt: skip
def test_what_a_saving_is_held_against(since: date, earlier: tuple[date, ...], before: Before) -> None:
    claim = Claim(since, 40.0, 4.0, "USD")
    assert baseline_of(seen(*earlier, since), claim, date(2026, 4, 20)) == before
    assert baseline_of([], None, date(2026, 4, 20)) == ALL_BEFORE


def test_without_temperatures_weeks_of_a_waste_are_no_baseline() -> None:
    done_on = date(2026, 4, 20)
    for since, before in (
        (date(2025, 4, 21), Before(date(2025, 4, 21), None)),  # 364 days
        (date(2025, 4, 22), Before(None, Wasted(date(2025, 4, 22), date(2025, 4, 22)))),
    ):
        assert hold_against_the_year(Before(since, None), done_on) == before
    short = Before(date(2026, 1, 19), Wasted(date(2026, 3, 9), date(2026, 3, 16)))
    assert hold_against_the_year(short, done_on) == short
    assert hold_against_the_year(ALL_BEFORE, done_on) == ALL_BEFORE
