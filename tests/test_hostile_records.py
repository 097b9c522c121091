"""Records that hold what no record holds: each is quarantined by itself, and the others of its reply are stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import Service, ingest

from ingest.eniscope.json_reader import MAX_DEPTH, read_json
from ingest.eniscope.normalize import ParsedReadings, parse_readings
from ingest.storage.rejects import encode_raw
from lib import db
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
START = datetime(2026, 1, 20, 5, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
START_S = int(START.timestamp())
CHANNELS = [162121, 162122]


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + closing * depth


HOSTILE = {
    "600 lists": nested(600),
    "600 objects": nested(600, '{"a":', "}").replace(":}", ":1}", 1),
    "2,000 lists": nested(2000),
    "100,000 lists": nested(100_000),
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e400": "1e400",
    "400 digits": "9" * 400,
    "5,000 digits": "-" + "9" * 5000,
    "truth": "true",
    "object": '{"value": 5}',
    "list": "[5]",
    "half a pair": '"\\ud800"',
    "NUL": '"\\u0000"',
    "long text": '"' + "x" * 100_000 + '"',
    "words": '"five"',
    "twice": '5, "E": 7',
}


def parse(value: str, field: str = "E") -> ParsedReadings:
    """Return what is made of a reply of three records, the second of which has `value` in a field."""
    values = {"ts": str(START_S + 900), "E": "5", "P": "20"} | {field: value}
    odd = ", ".join(f'"{name}": {text}' for name, text in values.items())
    records = f'[{{"ts": {START_S}, "E": 5, "P": 20}}, {{{odd}}}, {{"ts": {START_S + 1800}, "E": 6, "P": 24}}]'
    reply = read_json(f'{{"resolution": 900, "recordCount": 3, "records": {records}}}'.encode())
    return parse_readings(reply, WINDOW, 900, ("E", "P"))


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["E", "P", "ts"])
def test_odd_record_is_quarantined_and_the_others_are_kept(field: str, value: str) -> None:
    parsed = parse(value.replace('"E"', f'"{field}"'), field)
    rows = parsed.rows.to_dict("list")
    assert rows == {
        "timestamp": [START_S, START_S + 1800],
        "energy_kwh": [0.005, 0.006],
        "power_kw": [0.02, 0.024],
    }
    (reject,) = parsed.quarantined
    assert reject.reason in ("unparsable", "off_grid", "in_future")
    json.loads(encode_raw(reject.raw))


@pytest.mark.parametrize("value", ["NaN", "null", '""', '"NaN"'])
def test_token_for_no_value_is_no_value(value: str) -> None:
    parsed = parse(value)
    assert parsed.rows["power_kw"].tolist() == [0.02, 0.02, 0.024]
    assert parsed.rows["energy_kwh"].isna().tolist() == [False, True, False]
    assert parsed.quarantined == []


@pytest.mark.parametrize("value", [HOSTILE["600 lists"], HOSTILE["half a pair"], "NaN", HOSTILE["5,000 digits"]])
def test_what_was_not_asked_for_spoils_nothing(value: str) -> None:
    parsed = parse(f'5, "other": {value}')
    assert parsed.rows["energy_kwh"].tolist() == [0.005, 0.005, 0.006]
    assert parsed.quarantined == []


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_run_goes_on_and_names_the_record(conn: Connection, serve: Callable[..., Service], value: str) -> None:
    service = serve(now=NOW, planted_weeks=[])

    @service.app.after_request
    def spoil(response: Any) -> Any:
        from flask import request

        if request.path.endswith(f"/readings/{CHANNELS[0]}"):
            reply = json.loads(response.get_data())
            fourth = reply["records"][3]
            body = json.dumps(reply).replace(f'"E": {json.dumps(fourth["E"])}', f'"E": {value}', 1)
            response.set_data(body.encode())
        return response

    summary = ingest(conn, service, Window(NOW - timedelta(days=1), NOW), CHANNELS)
    assert (summary.failed, summary.inserted, summary.rejected) == ([], 2 * 96 - 1, 1)
    assert db.fetch_all(conn, "SELECT channel_id, reason FROM rejected_readings") == [(CHANNELS[0], "unparsable")]
    assert db.fetch_all(conn, "SELECT DISTINCT status FROM ingestion_logs") == [("done",)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1}', b"[]", b'{"a": [{"ts": 1}, {"ts": 2}], "b": {"c": 1}}', b'\xef\xbb\xbf{"a": 1}', b"[-0, 1e5, 0.1]",
        '{"a": "é\\u00e9"}'.encode("utf-16"), b'["[{\\":"]', b"18446744073709551615", b"[1.7976931348623157e308]",
    ],
)  # fmt: skip
def test_what_the_standard_library_reads_is_read_alike(body: bytes) -> None:
    assert repr(read_json(body)) == repr(json.loads(body))


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"[" * 200_000, b'{"a": undefined}', b"[1] 2", b"\xff\xfe\x00"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(body)


@pytest.mark.parametrize(("depth", "is_kept"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (5000, False)])
def test_what_nests_deeper_than_a_reply_is_cut(depth: int, is_kept: bool) -> None:
    text = nested(depth)
    expected = text if is_kept else nested(MAX_DEPTH).replace("[]", '["(nested without end)"]')
    assert read_json(text.encode()) == json.loads(expected)


def test_key_that_stands_twice_keeps_both_in_a_record_only() -> None:
    assert read_json(b'{"a": 1, "a": 2, "records": [{"ts": 1, "E": 5, "E": 5, "P": 1, "P": 2}]}') == {
        "a": 2, "records": [{"ts": 1, "E": 5, "P": [1, 2]}],
    }  # fmt: skip
