"""A license that ends soon is told before the service refuses, and the refusal says what it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from field_source import FieldSource
from pipeline import Service, ingest

from ingest import ingest_to_postgres
from ingest.eniscope.licenses import describe_license_end
from lib import db
from lib.date_utils import Window
from lib.readings import load_ingestion_health

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([], None),
        ([None, timedelta(days=30)], None),
        ([timedelta(days=29, hours=23)], "1 of 1 channels ends on 2026-03-12, in 29 days; have the vendor renew it"),
        ([timedelta(days=1), timedelta(days=99)], "1 of 2 channels ends on 2026-02-11, in 1 day;"),
        ([timedelta(days=9), timedelta(0), None], "2 of 3 channels ended on 2026-02-10;"),
    ],
)
def test_license_is_told_of_in_its_last_thirty_days(ends: list[timedelta | None], words: str | None) -> None:
    channels = [{"license_ends_at": None if end is None else NOW + end} for end in ends]
    told = describe_license_end(channels, NOW)
    assert (told is None) == (words is None)
    if words is not None and told is not None:
        assert told.startswith(f"the license of {words}")


def test_ingest_tells_the_end_of_the_license_and_health_keeps_it(
    conn: Connection,
    serve: Callable[..., Service],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    end = now + timedelta(days=9, hours=1)
    window = Window(now.replace(minute=0, second=0) - timedelta(hours=3), now.replace(minute=0, second=0))
    service = serve(now=now, source=FieldSource(lambda: now, expires=end))
    summary = ingest(conn, service, window)
    told = f"the license of 2 of 2 channels ends on {end:%Y-%m-%d}, in 9 days; have the vendor renew it"
    assert told in caplog.text
    ingest_to_postgres.print_summary(summary, window, 1.0, {})
    assert told in capsys.readouterr().out
    assert load_ingestion_health(conn)[0].license_ends_at == end


def test_channel_without_a_license_says_so_in_its_log_line(conn: Connection, serve: Callable[..., Service]) -> None:
    service = serve(now=NOW, source=FieldSource(lambda: NOW, channel_ids=(4001,), expires=NOW - timedelta(days=1)))
    summary = ingest(conn, service, Window(NOW - timedelta(days=1), NOW))
    assert summary.failed == [4001]
    ((error,),) = db.fetch_all(conn, "SELECT error FROM ingestion_logs WHERE channel_id = 4001")
    assert error.startswith("channel 4001, ")
    assert "the license has ended (HTTP 402 Subscription Expired); have the vendor renew it, then run again" in error
