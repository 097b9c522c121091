"""What findings that are done have saved, up to a year after: the band holds what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from planted_news import USD_PER_KWH, Kind, Plant, name_prices, store_planted
from site_factory import SITE_ID
from year_replay import monday, write_report

from analyze.load.savings_data import Wasted
from analyze.week.done_savings import ALL_BEFORE, Before, Claim, baseline_of
from govern.record_report import record_report
from govern.schema.files import apply_migrations, apply_views
from lib import db
from lib.findings import LedgerEntry, Said, total_ledger
from lib.readings import load_ledger
from operations.findings.marks import Mark, store_mark
from operations.postgres.server import ensure_database

FIRST, DONE = 9, 18  # the weeks that are reported one by one; after the second both wastes are gone
LONG, SHORT, BRIEF = 10, 11, 12
KW = 6.0
PLANTS = (
    Plant(LONG, monday(FIRST), Kind.SOME_NIGHTS, KW, days=7 * (DONE - FIRST)),
    Plant(SHORT, monday(DONE - 4) + timedelta(days=2), Kind.SOME_NIGHTS, KW, days=26),
    Plant(BRIEF, monday(DONE - 1), Kind.SOME_NIGHTS, KW, days=7),
)
WEEKLY_KWH = 3 * 13 * KW
HORIZONS = (4, 13, 52)


class Year(NamedTuple):
    """What the reports after each horizon say, by meter, and the ledger after the last."""

    savings: dict[int, dict[int, dict[str, Any]]]
    ledger: list[LedgerEntry]


@pytest.fixture(scope="module")
def year(postgres_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    folder: Path = tmp_path_factory.mktemp("savings")
    savings = {}
    with (
        db.connect(ensure_database(postgres_url, "done_savings")) as conn,
        pytest.MonkeyPatch.context() as patch,
    ):
        apply_migrations(conn)
        apply_views(conn)
        store_planted(conn, PLANTS, monday(DONE + 53))
        name_prices(folder, patch)
        for week in [*range(FIRST, DONE), *(DONE + weeks for weeks in HORIZONS)]:
            report = write_report(conn, week)
            path = folder / f"weekly_{week}.json"
            path.write_text(json.dumps(report), encoding="utf-8")
            record_report(conn, path)
            if week == DONE - 1:
                for meter in (LONG, SHORT, BRIEF):
                    store_mark(conn, Mark(SITE_ID, f"after_hours-{meter}", Said.DONE, "A", done_on=monday(DONE)))
            conn.commit()
            if week > DONE:
                savings[week - DONE] = {each["channelId"]: each for each in report["followUp"]["savings"]}
        yield Year(savings, load_ledger(conn, SITE_ID))


@pytest.mark.slow
@pytest.mark.parametrize("meter", [LONG, SHORT, BRIEF])
@pytest.mark.parametrize("weeks", HORIZONS)
def test_the_band_holds_what_was_planted(year: Year, meter: int, weeks: int) -> None:
    entry = year.savings[weeks][meter]
    assert (entry["status"], entry["weeks"]) == ("verified_saving", weeks)
    kwh, cost = entry["savedKwh"], entry["savedCost"]
    assert kwh["low"] <= WEEKLY_KWH <= kwh["high"]
    assert cost["low"] <= WEEKLY_KWH * USD_PER_KWH <= cost["high"]
    assert kwh["likely"] == pytest.approx(WEEKLY_KWH, rel=0.1)


@pytest.mark.slow
def test_the_ledger_after_a_year(year: Year) -> None:
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
        (date(2026, 3, 2), (), Before(date(2026, 3, 2), None)),  # 49 days are a baseline of their own
        (date(2026, 3, 9), (), Before(None, Wasted(date(2026, 3, 9), date(2026, 3, 16)))),
        (date(2026, 4, 13), (), Before(None, Wasted(date(2026, 4, 13), date(2026, 4, 13)))),  # there is no other week
        (date(2026, 3, 9), (date(2026, 1, 5), date(2026, 1, 12)),
         Before(date(2026, 1, 19), Wasted(date(2026, 3, 9), date(2026, 3, 16)))),
    ],
)  # fmt: skip
def test_what_a_saving_is_held_against(since: date, earlier: tuple[date, ...], before: Before) -> None:
    claim = Claim(since, 40.0, 4.0, "USD")
    assert baseline_of(seen(*earlier, since), claim, date(2026, 4, 20)) == before
    assert baseline_of([], None, date(2026, 4, 20)) == ALL_BEFORE
