"""Replies of the service into rows, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ingest.eniscope.normalize import (
    METER_FIELDS,
    check_reply,
    parse_channel,
    parse_device,
    parse_fields,
    parse_int,
    parse_organization,
    parse_readings,
)
from ingest.storage.plausibility import Rules, find_impossible
from lib.date_utils import Window
from lib.errors import DataError

START = 1_768_885_200  # 2026-01-20 05:00 UTC, local midnight in New York
WINDOW = Window(datetime.fromtimestamp(START, UTC), datetime.fromtimestamp(START + 3600, UTC))


def reply(records: list[Any], **units: str) -> dict[str, Any]:
    return {"resolution": "900", "units": {"ts": "Unix Time", **units}, "records": records}


def test_energy_and_power_become_kilo_and_the_rest_stays() -> None:
    records = [{"ts": START, "E": 1290.08, "P": 1290.12, "Q": 500, "S": "1383.6", "V": 120.31, "PF": 0.6, "F": 60.01}]
    parsed = parse_readings(reply(records, E="Wh", P="W"), WINDOW, 900, ["E", "P", "Q", "S", "V", "PF", "F"])
    assert parsed.rows.iloc[0].to_dict() == pytest.approx(
        {
            "timestamp": START,
            "energy_kwh": 1.29008,
            "power_kw": 1.29012,
            "reactive_power_kvar": 0.5,
            "apparent_power_kva": 1.3836,
            "voltage_v": 120.31,
            "power_factor": 0.6,
            "frequency_hz": 60.01,
        },
        rel=1e-12,
    )


def test_units_of_the_reply_are_the_authority() -> None:
    parsed = parse_readings(reply([{"ts": START, "E": 1.5, "P": 6}], E="kWh", P="kW"), WINDOW, 900, ["E", "P"])
    assert parsed.rows[["energy_kwh", "power_kw"]].iloc[0].tolist() == [1.5, 6.0]
    with pytest.raises(DataError, match="'BTU', a unit that is not known"):
        parse_readings(reply([{"ts": START, "E": 1.5}], E="BTU"), WINDOW, 900, ["E"])


def test_other_quantities_in_an_unknown_unit_are_left_out_and_the_energy_stays() -> None:
    records = [{"ts": START, "E": 1000, "T": 72.5, "V": 0.12, "I": 5000, "PF": 95}]
    units = {"E": "Wh", "T": "°F", "V": "kV", "I": "mA", "PF": "%"}
    rows = parse_readings(reply(records, **units), WINDOW, 900, ["E", "T", "V", "I", "PF"]).rows
    found = rows[["energy_kwh", "voltage_v", "current_a", "power_factor"]].iloc[0].tolist()
    assert found == pytest.approx([1.0, 120.0, 5.0, 0.95])
    assert np.isnan(rows["temperature_c"].iloc[0])


def test_records_without_any_value_are_counted_and_not_kept() -> None:
    records = [{"ts": START, "E": None, "P": None}, {"ts": START + 900, "E": None, "P": 4000}]
    parsed = parse_readings(reply(records), WINDOW, 900, ["E", "P"])
    assert parsed.rows["timestamp"].tolist() == [START + 900]
    assert parsed.rejects == {"empty": 1}


def test_milliseconds_are_understood() -> None:
    parsed = parse_readings(reply([{"ts": START * 1000, "E": 1000}]), WINDOW, 900, ["E"])
    assert parsed.rows["timestamp"].tolist() == [START]


def test_reply_of_another_channel_or_cut_short_is_refused() -> None:
    check_reply({"channel": "7", "recordCount": "1", "records": [{}]}, 7, WINDOW)
    check_reply({"records": []}, 7, WINDOW)
    with pytest.raises(DataError, match="answered for channel 8"):
        check_reply({"channel": 8, "records": []}, 7, WINDOW)
    with pytest.raises(DataError, match="10 records came of 96"):
        check_reply({"recordCount": 96, "records": [{}] * 10}, 7, WINDOW)


@pytest.mark.parametrize(
    ("value", "number"),
    [("9007199254740993", 2**53 + 1), (7.0, 7), ("7.0", 7), (True, None), ("x", None), (7.5, None), (2**63, None),
     ("9" * 400, None), (float("inf"), None), (None, None)],
)  # fmt: skip
def test_whole_numbers_are_exact_and_bounded(value: Any, number: int | None) -> None:
    assert parse_int(value) == number


def test_missing_is_nan_and_zero_is_zero() -> None:
    records: list[Any] = [
        {"ts": START, "E": 0, "P": "0"},
        {"ts": START + 900, "E": None, "P": ""},
        {"ts": START + 1800, "E": "n/a", "P": True},
        {"ts": START + 2700, "E": float("inf")},
    ]
    rows = parse_readings(reply(records), WINDOW, 900, ["E", "P"]).rows
    assert rows["energy_kwh"].iloc[0] == rows["power_kw"].iloc[0] == 0.0
    assert len(rows) == 1  # the others hold no value at all


def test_what_cannot_be_placed_is_counted_by_reason() -> None:
    records: list[Any] = [
        {"ts": str(START + 900), "E": 1000},
        {"E": 5},
        {"ts": None, "E": 5},
        "no record",
        {"ts": START + 91, "E": 5},
        {"ts": START - 900, "E": 5},
        {"ts": START + 3600, "E": 5},  # the end is exclusive
        {"ts": START + 900, "E": 9999},  # a second value for the same interval
        {"ts": START, "E": 2000},
    ]
    parsed = parse_readings(reply(records), WINDOW, 900, ["E"])
    assert parsed.rows.to_dict("list") == {"timestamp": [START, START + 900], "energy_kwh": [2.0, 1.0]}
    assert parsed.fetched == 9
    assert parsed.rejects == {
        "no_timestamp": 2, "unparsable": 1, "off_grid": 1, "outside_window": 2, "repeated": 1,
    }  # fmt: skip
    # What was asked for elsewhere, or says nothing, is not lost; the rest is kept as it came.
    assert [(item.reason, item.timestamp_s, item.raw) for item in parsed.quarantined] == [
        ("unparsable", None, "no record"),
        ("no_timestamp", None, {"E": 5}),
        ("no_timestamp", None, {"ts": None, "E": 5}),
        ("off_grid", START + 91, {"ts": START + 91, "E": 5}),
        ("repeated", START + 900, {"ts": START + 900, "E": 9999}),
    ]


def reasons(*records: dict[str, Any], rules: Rules | None = None) -> list[tuple[int, str]]:
    """Return which quarter-hour was rejected why; the others are in the rows."""
    window = Window(WINDOW.start, WINDOW.start + timedelta(days=1))
    parsed = parse_readings(reply(list(records)), window, 900, ["E", "P", "P1"], rules or Rules())
    rejected = [(int(item.timestamp_s - START) // 900, item.reason) for item in parsed.quarantined]
    kept = {(int(moment) - START) // 900 for moment in parsed.rows["timestamp"]}
    assert not kept & {quarter for quarter, _ in rejected}
    assert len(kept) + len(rejected) == len(records)
    return rejected


def test_negative_energy_is_refused_unless_its_power_runs_backwards_too() -> None:
    assert reasons(
        {"ts": START, "E": -3, "P": 12},
        {"ts": START + 900, "E": -3},
        {"ts": START + 1800, "E": -3, "P": -12},  # solar panels behind the meter, or a transformer turned round
        {"ts": START + 2700, "E": 0, "P": 0},
        {"ts": START + 3600, "E": -3, "P": 0},
    ) == [(0, "negative_energy"), (1, "negative_energy"), (4, "negative_energy")]


def test_power_beyond_the_limit_is_refused_in_total_and_by_phase() -> None:
    assert reasons(
        {"ts": START, "P": 60_000, "P1": 20_000},
        {"ts": START + 900, "P": 60_001},
        {"ts": START + 1800, "P": -60_001},
        {"ts": START + 2700, "P": 1000, "P1": 61_000},
        rules=Rules(max_power_kw=60.0),
    ) == [(1, "power_over_limit"), (2, "power_over_limit"), (3, "power_over_limit")]


def test_energy_is_held_against_the_time_since_the_record_before() -> None:
    # 60 kW give 15 kWh in a quarter of an hour, and 45 kWh in three.
    assert reasons(
        {"ts": START, "E": 600_000},  # after an outage of unknown length: 10 h at the limit are allowed
        {"ts": START + 900, "E": 15_000},
        {"ts": START + 1800, "E": 15_001},
        {"ts": START + 1800 + 2700, "E": 45_000},  # two intervals are missing before it
        {"ts": START + 1800 + 5400, "E": 45_001},
        rules=Rules(max_power_kw=60.0, max_catch_up_hours=10.0),
    ) == [(2, "energy_over_limit"), (8, "energy_over_limit")]
    assert reasons({"ts": START, "E": 600_001}, rules=Rules(60.0, 10.0)) == [(0, "energy_over_limit")]


@pytest.mark.parametrize(("hours", "most_wh"), [(0.25, 15_000), (2.0, 120_000), (99.0, 600_000), (-1.0, 600_000)])
def test_first_record_is_held_against_the_one_that_is_stored(hours: float, most_wh: float) -> None:
    rules = Rules(60.0, 10.0, last_energy_s=START - hours * 3600)
    assert reasons({"ts": START, "E": most_wh}, {"ts": START + 900, "E": 1}, rules=rules) == []
    assert reasons({"ts": START, "E": most_wh + 1}, {"ts": START + 900, "E": 1}, rules=rules) == [
        (0, "energy_over_limit")
    ]


def test_the_future_is_refused_and_the_first_sound_record_of_an_interval_counts() -> None:
    parsed = parse_readings(
        reply([{"ts": START, "E": -1}, {"ts": START, "E": 4}, {"ts": START + 1800, "E": 1}]),
        WINDOW, 900, ["E"], Rules(latest_start_s=START + 900),
    )  # fmt: skip
    assert parsed.rows.to_dict("list") == {"timestamp": [START], "energy_kwh": [0.004]}
    assert parsed.rejects == {"negative_energy": 1, "in_future": 1}


def test_unreadable_values_are_told_from_empty_ones() -> None:
    parsed = parse_readings(
        reply([{"ts": START, "E": "12,5 Wh"}, {"ts": START + 900, "E": "n/a"}, {"ts": "yesterday", "E": 1}]),
        WINDOW, 900, ["E", "P"],
    )  # fmt: skip
    assert parsed.rejects == {"empty": 1, "unparsable": 2}
    assert [item.raw["E"] for item in parsed.quarantined] == ["12,5 Wh", 1]


def test_quarantined_record_keeps_its_values_in_our_units() -> None:
    (item,) = parse_readings(reply([{"ts": START, "E": -1500, "P": 6000}]), WINDOW, 900, ["E", "P", "P1"]).quarantined
    assert item.reading == {"energy_kwh": -1.5, "power_kw": 6.0}


def test_empty_reply_is_an_empty_frame_with_every_column() -> None:
    parsed = parse_readings(reply([]), WINDOW, 900, ["E", "P"])
    assert parsed.rows.columns.tolist() == ["timestamp", "energy_kwh", "power_kw"]
    assert (len(parsed.rows), parsed.fetched, parsed.rejects) == (0, 0, {})


@pytest.mark.parametrize("records", [None, {}, "x"])
def test_reply_without_records_is_refused(records: Any) -> None:
    with pytest.raises(DataError, match="no list of records"):
        parse_readings({"resolution": 900, "records": records}, WINDOW, 900, ["E"])


def test_channel_with_strings_for_numbers() -> None:
    raw = {
        "dataChannelId": "59155",
        "channelName": ' RTU-1 <b>"x"</b>\x00 ',
        "deviceId": 7,
        "organizationId": "23271",
        "parentId": None,
        "deviceTypeId": "20",
        "installedTs": "1593561600",
        "uninstalledTs": 0,
        "isMeteringPoint": "1",
        "uuId": "5410ECA8722E0001",
    }
    channel = parse_channel(raw, 23271)
    assert channel is not None
    assert channel["channel_id"] == 59155
    assert channel["name"] == 'RTU-1 <b>"x"</b>'
    assert channel["device_type_id"] == 20
    assert channel["installed_at"] == datetime(2020, 7, 1, tzinfo=UTC)
    assert channel["uninstalled_at"] is None
    assert channel["is_metering_point"] is True
    assert parse_channel(raw | {"organizationId": 5}, 23271) is None
    assert parse_channel(raw | {"dataChannelId": None}, 23271) is None
    assert parse_device({"deviceName": "no id"}, 23271) is None


def test_organization_needs_a_time_zone() -> None:
    raw = {"organizationId": 23271, "timeZone": "America/New_York", "lat": "35.7", "lng": "-78.6"}
    organization = parse_organization(raw)
    assert (organization["name"], organization["latitude"], organization["longitude"]) == ("Site 23271", 35.7, -78.6)
    with pytest.raises(DataError, match="site 23271: the service gives no time zone"):
        parse_organization(raw | {"timeZone": None})


def test_fields_are_found_in_any_shape() -> None:
    assert parse_fields({"fields": [{"field": "P"}, {"field": "E"}]}) == ("E", "P")
    assert parse_fields({"T": {"unit": "°C"}, "RH": {}}) == ("T", "RH")
    assert parse_fields(["unknown"]) == ()
    assert "CO2" not in METER_FIELDS


def test_energy_below_zero_without_a_power_is_export_where_a_channel_goes_to_and_fro() -> None:
    def refused(energies: list[float], *, may_feed_in: bool = False) -> list[int]:
        energy_kwh = np.array(energies)
        columns = {"energy_kwh": energy_kwh}
        seconds = START + 900.0 * np.arange(energy_kwh.size)
        rules = Rules(may_feed_in=may_feed_in)
        return np.flatnonzero(find_impossible(seconds, columns, 900, rules)["negative_energy"]).tolist()

    assert refused([5, -2, 4, -3, 5, -1]) == []
    assert refused([5, -2, 4, -3, 5]) == [1, 3], "two may be resets of a counter"
    assert refused([5, -2, -3, 5, -1]) == [1, 2, 4], "a channel that hardly ever imports is turned round"
    assert refused([5, -2, 5, -3, 5, -1, -100, -101]) == [7], "a counter that was reset takes all of it away at once"
    assert refused([-2, -3], may_feed_in=True) == []
