"""Measured buildings through the whole way: sandbox replay → ingest → report, to the last kWh.

The files are not part of this project; where they are absent the tests are skipped and say so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from measured_hours import office, steel_plant
from pipeline import Service, check_energy_in_every_layer, govern, ingest, report_of

from lib import db
from lib.date_utils import Window, last_complete_week, local_day_window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "now"),
    [
        # The week of the report holds the change to summer time: 167 hours.
        pytest.param(office, datetime(2019, 3, 13, 12, tzinfo=UTC), id="office, March"),
        # And here the change back: 169 hours.
        pytest.param(office, datetime(2018, 11, 6, 12, tzinfo=UTC), id="office, November"),
        pytest.param(steel_plant, datetime(2018, 6, 20, 12, tzinfo=UTC), id="steel plant"),
    ],
)
def test_measured_energy_arrives_to_the_last_kwh(
    conn: Connection, serve: Callable[..., Service], load: Callable[[], tuple[pd.DataFrame, str]], now: datetime
) -> None:
    measured, zone = load()
    on_grid = measured[measured["start"].dt.minute % 15 == 0]
    window = Window(now - timedelta(days=80), now)
    inside = on_grid[(on_grid["start"] >= window.start) & (on_grid["start"] < window.end)]
    replay = pd.DataFrame(
        {
            "channel": "building",
            "timestamp": measured["start"].dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
            "energy_kwh": measured["energy_kwh"],
        }
    )
    service = serve(now=now, replay=replay, replay_timezone=zone)
    summary = ingest(conn, service, window)
    assert (summary.inserted, summary.rejected) == (len(inside), 0)
    (stored_kwh,) = db.fetch_all(conn, "SELECT sum(energy_kwh) FROM readings")[0]
    assert stored_kwh == pytest.approx(inside["energy_kwh"].sum(), abs=1e-3)

    assert govern(conn) == "closed"
    report = report_of(conn, now)
    week = local_day_window(*last_complete_week(now, ZoneInfo(zone)), ZoneInfo(zone))
    of_week = inside[(inside["start"] >= week.start) & (inside["start"] < week.end)]
    assert report["consumption"]["totalKwh"] == pytest.approx(of_week["energy_kwh"].sum(), abs=1e-3)
    assert report["dataQuality"]["avgCompleteness"] == pytest.approx(
        100 * len(of_week) / ((week.end - week.start).total_seconds() / 900), abs=0.06
    )
    check_energy_in_every_layer(conn, report, sound_meters=1)
