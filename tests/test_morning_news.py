"""What is high is told within a day and in budget; tests/benchmarks/bench_findings.py replays a whole year of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from planted_news import (
    Kind,
    Plant,
    judge,
    list_moments,
    most_mails,
    replay_mornings,
    share_in_time,
    store_planted,
)
from year_replay import monday

from govern.schema.files import apply_migrations, apply_views
from lib import db
from operations.postgres.server import ensure_database

LAST = 6
PLANTS = (
    Plant(10, monday(2) + timedelta(days=1), Kind.NIGHTS, 4.0),
    Plant(11, monday(3) + timedelta(days=3), Kind.SILENT, 0.0, days=4),
    Plant(12, monday(4) + timedelta(days=2), Kind.EVENINGS, 6.0, days=9),
    Plant(13, monday(5) + timedelta(days=4), Kind.NIGHTS, 25.0, days=7),
)


@pytest.mark.slow
def test_what_is_high_is_told_within_a_day_by_one_mail_a_week(
    postgres_url: str, template_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = monday(LAST + 1)
    eventful = {plant.first + timedelta(days=offset) for plant in PLANTS for offset in (1, 2, 3)}
    days = [monday(2) + timedelta(days=offset) for offset in range(7 * (LAST - 1))]
    quiet = {day for day in days if day not in eventful and day.weekday() not in (0, 6)}
    with db.connect(ensure_database(postgres_url, "morning_news")) as conn:
        apply_migrations(conn)
        apply_views(conn)
        store_planted(conn, PLANTS, end)
        told = replay_mornings(conn, tmp_path, monkeypatch, range(2, LAST + 1), quiet)
    outcomes = list(judge(PLANTS, told, list_moments(end)))
    assert [(each.mailed_as, each.delay_days) for each in outcomes] == [
        ("after_hours-10", 0), ("meter_silent-11", 0), ("after_hours-12", 0), ("after_hours-13", 0)
    ]  # fmt: skip
    assert share_in_time(outcomes) == (4, 4)
    assert most_mails(told) == 1
