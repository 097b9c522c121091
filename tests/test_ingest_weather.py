"""Weather: the providers' words turned into hours, what is asked for and what is kept, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st
from pipeline import SITE_ID, Service
from site_factory import register_site, store_readings

from config.settings import Settings
from ingest import ingest_weather
from ingest.ingest_weather import WeatherSummary, choose_providers, fetch_missing
from ingest.weather import client
from ingest.weather.providers import NASA_POWER, OPEN_METEO, Provider, parse_weather
from ingest.weather.store import load_weather_site, missing_stretches
from lib import cli, db
from lib.date_utils import Window
from lib.errors import ApiError, DataError
from lib.readings import load_weather
from operations.sandbox.weather import outdoor_temp_c

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, 20, tzinfo=UTC)
SEED = 7
PLACE = {"latitude": 35.72, "longitude": -77.92}
OPEN_METEO_REPLY = {
    "latitude": 35.7,
    "hourly_units": {
        "time": "unixtime", "temperature_2m": "°C", "relative_humidity_2m": "%", "shortwave_radiation": "W/m²",
    },
    "hourly": {
        "time": [0, 3600, 7200, 10_800, 18_000],
        "temperature_2m": [1.0, 2.0, 4.0, None, 5.0],
        "relative_humidity_2m": [80, 90, 70, None, 50],
        "shortwave_radiation": [0.0, 10.0, 200.0, None, 20.0],
    },
}  # fmt: skip
POWER_REPLY = {
    "header": {"fill_value": -999.0},
    "parameters": {"T2M": {"units": "C"}, "RH2M": {"units": "%"}, "ALLSKY_SFC_SW_DWN": {"units": "Wh/m^2"}},
    "properties": {
        "parameter": {
            "T2M": {"1970010100": 1.5, "1970010101": -999.0, "1970010102": 3.0},
            "RH2M": {"1970010100": 85.0, "1970010101": -999.0, "1970010102": 250.0},
            "ALLSKY_SFC_SW_DWN": {"1970010100": 10.0, "1970010101": -999.0, "1970010102": -999.0},
        }
    },
}


def hours_of(provider: Provider, reply: Any) -> list[list[float | None]]:
    table = parse_weather(provider, reply)
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()


def test_open_meteos_instants_become_means_of_hours() -> None:
    # Radiation is of the hour before its time; the hour whose end is missing is not there.
    assert hours_of(OPEN_METEO, OPEN_METEO_REPLY) == [[0, 1.5, 85.0, 10.0], [3600, 3.0, 80.0, 200.0]]


def test_nasa_powers_means_are_taken_as_they_are() -> None:
    # −999 is missing, and so is a humidity that cannot be.
    assert hours_of(NASA_POWER, POWER_REPLY) == [[0, 1.5, 85.0, 10.0], [7200, 3.0, None, None]]


@pytest.mark.parametrize(
    ("provider", "reply"),
    [
        (OPEN_METEO, {}),
        (OPEN_METEO, []),
        (OPEN_METEO, OPEN_METEO_REPLY | {"hourly_units": OPEN_METEO_REPLY["hourly_units"] | {"temperature_2m": "°F"}}),
        (NASA_POWER, {"header": {}}),
        (NASA_POWER, POWER_REPLY | {"parameters": POWER_REPLY["parameters"] | {"T2M": {"units": "K"}}}),
    ],
)
def test_reply_in_other_words_is_refused(provider: Provider, reply: Any) -> None:
    with pytest.raises(ApiError, match=f"{provider.name}: the reply cannot be read"):
        parse_weather(provider, reply)


@given(st.sets(st.integers(0, 900)), st.integers(0, 900))
def test_stretches_cover_what_is_missing_and_little_else(settled_offsets: set[int], length: int) -> None:
    first = date(2024, 1, 1)
    last = first + timedelta(days=length)
    settled = {first + timedelta(days=offset) for offset in settled_offsets}
    missing = {first + timedelta(days=offset) for offset in range(length + 1)} - settled
    stretches = list(missing_stretches(first, last, settled))
    asked = [start + timedelta(days=n) for start, end in stretches for n in range((end - start).days + 1)]
    assert len(asked) == len(set(asked))
    assert missing <= set(asked) <= {first + timedelta(days=offset) for offset in range(length + 1)}
    assert all(start in missing and end in missing and (end - start).days <= 366 for start, end in stretches)
    assert len(asked) - len(missing) <= 3 * max(len(missing) - 1, 0)


@pytest.fixture
def sandbox_site(conn: Connection) -> Connection:
    """The site as an ingest from the sandbox leaves it, with readings of the last ten days."""
    register_site(conn, source="sandbox", **PLACE)
    store_readings(conn, Window(NOW - timedelta(days=10, minutes=20), NOW - timedelta(minutes=20)))
    return conn


def fetch(conn: Connection, service: Service, now: datetime = NOW, days: int | None = None) -> WeatherSummary:
    site = load_weather_site(conn, SITE_ID)
    return fetch_missing(conn, site, choose_providers(Settings(api_url=service.url), site), days, now, (10, 20))


def test_weather_is_stored_by_the_hour_and_read_back(sandbox_site: Connection, serve: Callable[..., Service]) -> None:
    conn, service = sandbox_site, serve(now=NOW, seed=SEED)
    # The sandbox knows the instant at 15:00, so the last hour that it has is the one from 14 to 15.
    hours = 10 * 24 + 15
    assert fetch(conn, service) == WeatherSummary(requests=1, fetched=hours, stored=hours, failed=0)
    first = datetime(2026, 1, 31, tzinfo=UTC)
    weather = load_weather(conn, SITE_ID, Window(first, NOW))
    assert weather["timestamp"].tolist() == list(pd.date_range(first, periods=hours, freq="h"))
    instants = outdoor_temp_c(SEED, int(first.timestamp()) // 60 + 60 * np.arange(hours + 1))
    np.testing.assert_allclose(weather["temp_c"], (instants[:-1] + instants[1:]) / 2, atol=0.06)
    night = weather["timestamp"].dt.hour.isin([4, 5, 6])
    noon = weather["timestamp"].dt.hour == 17
    assert (weather.loc[night, "irradiance_w_m2"] == 0).all()
    assert weather.loc[noon, "irradiance_w_m2"].min() > 30
    assert weather["relative_humidity_pct"].between(15, 100).all()
    assert len(load_weather(conn, SITE_ID, Window(first, first + timedelta(hours=3)))) == 3
    assert load_weather(conn, SITE_ID + 1, Window(first, NOW)).empty
    assert db.fetch_all(
        conn, "SELECT DISTINCT source, is_provisional = (hour >= %s) FROM v_weather_hourly", (NOW - timedelta(days=7),)
    ) == [("sandbox", True)]
    assert db.fetch_all(conn, "SELECT source, fetched, stored, status, error FROM weather_fetches") == [
        ("sandbox", hours, hours, "done", None)
    ]
    assert db.fetch_all(conn, "SELECT count(*) FROM ingestion_logs WHERE channel_id = 0") == [(0,)], "no verdict ages"


def test_only_what_is_missing_or_not_settled_is_asked_for_again(
    sandbox_site: Connection, serve: Callable[..., Service]
) -> None:
    conn, asked = sandbox_site, []
    service = serve(now=lambda: NOW + timedelta(days=30), seed=SEED)
    service.app.before_request(lambda: asked.append((request.args.get("start_date"), request.args.get("end_date"))))
    assert fetch(conn, service).stored == 255
    first_values = db.fetch_all(conn, "SELECT temp_c FROM weather_hourly ORDER BY timestamp LIMIT 24")
    db.execute(conn, "UPDATE weather_hourly SET temp_c = 99")
    conn.commit()
    # Two days later, what was younger than a week is asked for again and replaced; what had settled stays as it was.
    later = NOW + timedelta(days=2)
    assert fetch(conn, service, later).fetched == 7 * 24 + 48 + 15
    assert asked == [("2026-01-31", "2026-02-10"), ("2026-02-03", "2026-02-12")]
    rows = db.fetch_all(
        conn, "SELECT temp_c = 99, is_provisional, count(*) FROM weather_hourly GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert rows == [(False, False, 48), (False, True, 7 * 24 - 1), (True, False, 88)]
    assert first_values[0][0] != 99
    # A week on, all is settled but the newest days.
    fetch(conn, service, NOW + timedelta(days=20), days=9)
    assert asked[2] == ("2026-02-21", "2026-03-02")


def test_fallback_answers_where_the_first_provider_does_not(
    sandbox_site: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, service = sandbox_site, serve(now=NOW, seed=SEED)
    monkeypatch.setattr(client, "_BACKOFF_S", 0.0)
    settings = Settings(weather_api_url="http://127.0.0.1:9", weather_fallback_api_url=service.url)
    site = load_weather_site(conn, SITE_ID)
    summary = fetch_missing(conn, site, choose_providers(settings, site), 3, NOW, (5, 20))
    assert summary == WeatherSummary(1, 3 * 24 + 15, 3 * 24 + 15, 0)
    weather = load_weather(conn, SITE_ID, Window(NOW - timedelta(days=3), NOW))
    minutes = int(weather["timestamp"].iloc[0].timestamp()) // 60 + np.arange(60)
    assert weather["temp_c"].iloc[0] == pytest.approx(outdoor_temp_c(SEED, minutes).mean(), abs=0.06)


def test_no_provider_is_a_failure_that_is_logged_and_made_up_for(
    sandbox_site: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn, service = sandbox_site, serve(now=NOW, seed=SEED)
    monkeypatch.setattr(client, "_BACKOFF_S", 0.0)
    nowhere = Settings(weather_api_url="http://127.0.0.1:9", weather_fallback_api_url="http://127.0.0.1:9")
    site = load_weather_site(conn, SITE_ID)
    assert fetch_missing(conn, site, choose_providers(nowhere, site), 3, NOW, (5, 20)) == WeatherSummary(1, 0, 0, 1)
    ((status, error),) = db.fetch_all(conn, "SELECT status, error FROM weather_fetches")
    assert status == "failed"
    assert "open-meteo: no answer (ConnectionError); nasa-power: no answer (ConnectionError)" in error
    assert fetch(conn, service, days=3).failed == 0


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Response('{"error": true, "reason": "Daily limit exceeded"}', 429), "HTTP 429 Daily limit exceeded"),
        (Response("<html>busy</html>", 503), "HTTP 503, and no JSON"),
        (Response("", 302, {"Location": "http://127.0.0.1:9/"}), "HTTP 302, and no JSON"),
        (Response('{"hourly": {}}', 200), "the reply cannot be read"),
    ],
)
def test_what_a_provider_says_is_told(
    sandbox_site: Connection,
    serve: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
    reply: Response,
    problem: str,
) -> None:
    monkeypatch.setattr(client, "_BACKOFF_S", 0.0)
    service = serve(now=NOW)
    service.app.before_request(lambda: reply)
    assert fetch(sandbox_site, service, days=2).failed == 1
    ((error,),) = db.fetch_all(sandbox_site, "SELECT error FROM weather_fetches")
    assert f"open-meteo: {problem}" in error


def test_made_up_weather_never_meets_a_measured_site(conn: Connection, serve: Callable[..., Service]) -> None:
    register_site(conn, **PLACE)
    conn.commit()
    service = serve(now=NOW)
    site = load_weather_site(conn, SITE_ID)
    assert [provider.url for provider in choose_providers(Settings(), site)] == [OPEN_METEO.url, NASA_POWER.url]
    providers = choose_providers(Settings(weather_api_url=service.url), site)
    with pytest.raises(DataError, match="the sandbox and measured data never mix"):
        fetch_missing(conn, site, providers, 2, NOW, (5, 20))
    assert db.fetch_all(conn, "SELECT status FROM weather_fetches") == [("failed",)]
    assert db.fetch_all(conn, "SELECT FROM weather_hourly") == []


def test_site_without_coordinates_says_what_to_do(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert cli.run(ingest_weather.main, []) == 1
    assert "site 23271 is not in the database" in capsys.readouterr().err
    register_site(conn)
    conn.commit()
    assert cli.run(ingest_weather.main, ["--days", "2"]) == 1
    assert "has no coordinates, so no weather; have the vendor set them" in capsys.readouterr().err


def test_the_script_asks_the_sandbox_for_a_sandbox_site(
    conn: Connection, serve: Callable[..., Service], database_url: str, run_script: Callable[..., Any]
) -> None:
    register_site(conn, source="sandbox", **PLACE)
    conn.commit()
    service = serve()
    env = {"DATABASE_URL": database_url, "ENISCOPE_API_URL": f"{service.url}/v1"}
    done = run_script("ingest/ingest_weather.py", "--days", "2", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("site 23271: weather in 1 requests, ")
    assert done.stdout.endswith("0 requests failed\n")
