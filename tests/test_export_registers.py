"""A register of export and the peak within an interval: kept apart, seen in Layer 3, and used where that is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from field_source import MAIN, SECOND, ExportingSource
from pipeline import SITE_ID, Service, govern, ingest, report_of
from tariff_factory import constant, site_of
from week_factory import WEEK, make_meters, make_readings, make_scope, prepare

from analyze.expected.best_energy import imported_kwh
from analyze.meters.channel_kinds import allow_export
from analyze.meters.registers import net_of_export
from analyze.money.site_demand import bound_demand
from lib import db
from lib.date_utils import Window
from lib.readings import load_readings

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 5, tzinfo=UTC)
START = pd.Timestamp("2026-01-12 05:00Z")


def with_export(readings: pd.DataFrame, exported_kwh: list[float]) -> pd.DataFrame:
    """Return the readings with their registers, as the database gives them."""
    exported = np.where(np.array(exported_kwh) > 0, exported_kwh, np.nan)
    return readings.assign(exported_energy_kwh=exported, peak_power_kw=np.nan)


def exporting(count: int = 10, sign: float = 1.0) -> tuple[pd.DataFrame, list[float]]:
    """Return intervals that import 0.25 kWh each, of which every second exports 1 kWh, and what they export."""
    exported = [0.0, 1.0] * (count // 2)
    net = 0.25 - np.array(exported)
    readings = make_readings(7, START, 4 * sign * net).assign(energy_kwh=0.25)
    return readings, exported


# --- When energy is made net ------------------------------------------------------------------------------------------


def test_energy_beside_a_register_of_export_is_made_net() -> None:
    readings, exported = exporting(20)
    both = pd.concat([with_export(readings, exported), make_readings(8, START, np.full(20, 3.0))], ignore_index=True)
    result = net_of_export(both)
    assert result["energy_kwh"].tolist() == [0.25, -0.75] * 10 + [0.75] * 20
    assert result["exported_kwh"].tolist() == [0.0, 1.0] * 10 + [0.0] * 20
    assert result["power_kw"].equals(both["power_kw"])
    assert [*result.columns] == [*readings.columns, "exported_kwh"]


def test_energy_that_is_net_already_is_left_alone() -> None:
    readings, exported = exporting(20)
    net = readings.assign(energy_kwh=readings["power_kw"] / 4)
    pd.testing.assert_frame_equal(net_of_export(with_export(net, exported)), net)


@pytest.mark.parametrize(("count", "is_netted"), [(14, True), (16, False)])
def test_power_that_says_otherwise_refutes_it_once_there_is_enough(count: int, *, is_netted: bool) -> None:
    readings, exported = exporting(count, sign=-1.0)  # seven or eight intervals that export
    assert ("exported_kwh" in net_of_export(with_export(readings, exported))) == is_netted


def test_without_power_a_positive_energy_is_import() -> None:
    readings, exported = exporting(20)
    result = net_of_export(with_export(readings.assign(power_kw=np.nan), exported))
    assert result["energy_kwh"].tolist() == [0.25, -0.75] * 10


def test_site_without_registers_is_as_it_was() -> None:
    readings, _ = exporting(20)
    assert net_of_export(readings) is readings


def test_export_of_a_register_is_no_negative_energy() -> None:
    readings, exported = exporting(20)
    meters = make_meters(7).assign(kind="load")
    intervals, bad, _ = prepare(net_of_export(with_export(readings, exported)), make_scope(meters))
    assert bad["negative_energy"].sum() == 10
    assert allow_export(bad, intervals, meters)["negative_energy"].sum() == 0


def test_import_counts_what_flowed_within_the_interval_too() -> None:
    rows = pd.DataFrame({"kwh": [0.25, -0.75, 0.3, -0.5, np.nan], "exported_kwh": [0.0, 1.0, 0.2, 0.0, 0.0]})
    assert imported_kwh(rows).tolist()[:4] == [0.25, 0.25, 0.5, 0.0]
    assert np.isnan(imported_kwh(rows)[4])
    assert imported_kwh(rows[["kwh"]]).tolist()[:4] == [0.25, 0.0, 0.3, 0.0]


# --- The peak within an interval --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval_s", "demand_interval_s", "high_kwh"),
    [(3600, 900, [12.0, 9.0]), (3600, 1800, [12.0, 9.0]), (3600, 3600, [10.0, 9.0]), (900, 900, [10.0, 9.0])],
)
def test_peak_bounds_the_demand_of_readings_that_are_too_long(
    interval_s: int, demand_interval_s: int, high_kwh: list[float]
) -> None:
    demand = pd.DataFrame(
        {
            "interval_s": interval_s,
            "hours": 1.0,
            "used_kwh": [10.0, 9.0],
            "high_kwh": [10.0, 9.0],
            "peak_kw": [12.0, np.nan],
        }
    )
    bounded = bound_demand(demand, demand_interval_s)
    assert bounded["high_kwh"].tolist() == high_kwh
    assert bounded["used_kwh"].tolist() == [10.0, 9.0]  # what is billed stays


def test_hours_with_a_peak_say_that_the_demand_may_have_been_higher_and_quarter_hours_do_not() -> None:
    """A main of 10 kW and a meter of 5, hours with peaks of 12 and 6 kW; of one hour the second does not tell it."""
    scope = make_scope(make_meters(1, 2, interval_s=3600))
    hours = pd.concat(
        [constant(key, kw, interval_s=3600).assign(peak_kw=1.2 * kw) for key, kw in ((1, 10.0), (2, 5.0))]
    )
    silent = (hours["channel_id"] == 2) & (hours["interval_start"] == WEEK.start)
    site = site_of(hours.assign(peak_kw=hours["peak_kw"].mask(silent)).reset_index(drop=True), scope)
    in_week = site.demand[site.demand["epoch_s"] >= WEEK.start.timestamp()]
    assert in_week["peak_kw"].tolist()[1:] == [18.0] * 167
    assert np.isnan(in_week["peak_kw"].iloc[0])
    assert set(in_week["mean_kw"]) == {15.0}
    assert bound_demand(in_week, 900)["high_kwh"].tolist() == [15.0] + [18.0] * 167
    quarters = pd.concat([constant(key, kw).assign(peak_kw=2 * kw) for key, kw in ((1, 10.0), (2, 5.0))])
    site = site_of(quarters.reset_index(drop=True), make_scope(make_meters(1, 2)))
    assert bound_demand(site.demand, 900) is site.demand


# --- The whole way ----------------------------------------------------------------------------------------------------


def test_main_with_a_register_of_export_is_told_and_priced_by_what_it_imported(
    conn: Connection, serve: Callable[..., Service]
) -> None:
    service = serve(now=NOW, source=ExportingSource(lambda: NOW))
    window = Window(NOW - timedelta(days=42), NOW)
    ingest(conn, service, window)
    week = "timestamp >= '2026-02-02 05:00Z' AND timestamp < '2026-02-09 05:00Z'"
    ((in_kwh, out_kwh),) = db.fetch_all(
        conn, f"SELECT sum(energy_kwh), sum(exported_energy_kwh) FROM readings WHERE {week}"
    )
    assert out_kwh > in_kwh / 4
    shown = db.fetch_all(
        conn, "SELECT power_kw, peak_power_kw, exported_energy_kwh FROM v_readings_enriched WHERE meter_id = %s"
        " AND timestamp = '2026-02-02 15:00Z'", (MAIN,)
    )  # fmt: skip
    ((power_kw, peak_kw, exported_kwh),) = shown
    assert (peak_kw, exported_kwh) == (pytest.approx(1.5 * abs(power_kw)), pytest.approx(-power_kw / 4 * 4 / 3.9))
    loaded = load_readings(conn, SITE_ID, window)
    # Quarter hours tell their demand: no peak is read.
    assert loaded[["exported_energy_kwh", "peak_power_kw"]].count().tolist() == [42 * 24, 0]

    assert govern(conn) == "closed"
    report = report_of(conn, NOW)
    use = report["consumption"]
    assert (use["importedKwh"], use["exportedKwh"]) == (
        pytest.approx(in_kwh, abs=0.01),
        pytest.approx(out_kwh, abs=0.01),
    )
    assert use["totalKwh"] == pytest.approx(in_kwh - out_kwh, abs=0.01)
    assert report["sections"]["costOptimization"]["tou_analysis"]["total_kwh"] == pytest.approx(in_kwh, abs=0.01)
    kinds = {row["channelId"]: row["kind"] for row in use["byChannel"]}
    assert kinds == {MAIN: "main", SECOND: "load"}
    (highest,) = db.fetch_all(
        conn,
        f"SELECT max(kw) FROM (SELECT 4 * sum(energy_kwh) AS kw FROM readings WHERE {week} GROUP BY timestamp) AS t",
    )[0]
    demand = report["sections"]["costOptimization"]["demand_analysis"]
    assert (demand["billing_peak_kw"], demand["is_peak_at_least"]) == (pytest.approx(highest, abs=0.001), False)
