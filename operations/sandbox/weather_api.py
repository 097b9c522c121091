"""The sandbox's weather, in the words of the two services that `ingest_weather.py` asks; made up, like everything here.

The temperature is the one that the modelled loads follow. Open-Meteo's archive gives instants, and radiation as the
mean of the hour before; NASA POWER gives means of the hour. Neither wants a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
from flask import Flask, Response, request

from operations.sandbox.noise import Floats, Ints, make_key, smooth_noise
from operations.sandbox.weather import MINUTES_PER_DAY, outdoor_temp_c

ARCHIVE_PATH = "/v1/archive"
POWER_PATH = "/api/temporal/hourly/point"
WEATHER_PATHS = frozenset({ARCHIVE_PATH, POWER_PATH})

_FILL_VALUE = -999.0
_SAMPLE_MIN = 10  # of an hour's mean
_CLEAR_SKY_W_M2 = 1000.0  # with the sun in the zenith
_ARCHIVE_VALUES = ("temperature_2m", "relative_humidity_2m", "shortwave_radiation")
_POWER_VALUES = ("T2M", "RH2M", "ALLSKY_SFC_SW_DWN")
_POWER_UNITS = ("C", "%", "Wh/m^2")


class _BadRequestError(Exception):
    """What the services answer with status 400 and a reason."""


def add_weather(app: Flask, seed: int, clock: Callable[[], datetime]) -> None:
    """Add the routes of both services; nothing at or after `clock` is served."""

    def archive() -> Response:
        first, last = _days(request.args, "start_date", "end_date", "%Y-%m-%d")
        latitude, longitude = _place(request.args)
        if last > clock().date():
            raise _BadRequestError(f"Parameter 'end_date' is out of allowed range from 1940-01-01 to {clock().date()}")
        hours = _hours(first, last)
        values = (
            outdoor_temp_c(seed, hours * 60),
            humidity_pct(seed, hours * 60),
            _hour_means(seed, hours - 1, latitude, longitude)[2],
        )
        is_known = hours * 3600 < clock().timestamp()
        wanted = request.args.get("hourly", "").split(",")
        named = dict(zip(_ARCHIVE_VALUES, values, strict=True))
        units = dict(zip(_ARCHIVE_VALUES, ("°C", "%", "W/m²"), strict=True))
        if unknown := [name for name in wanted if name not in named]:
            raise _BadRequestError(f"Cannot initialize variable from invalid String value {unknown[0]}")
        return _reply(
            {
                "latitude": latitude,
                "longitude": longitude,
                "utc_offset_seconds": 0,
                "timezone": "GMT",
                "hourly_units": {"time": "unixtime"} | {name: units[name] for name in wanted},
                "hourly": {"time": (hours * 3600).tolist()}
                | {name: _rounded(named[name], is_known, None) for name in wanted},
            }
        )

    def power() -> Response:
        first, last = _days(request.args, "start", "end", "%Y%m%d")
        latitude, longitude = _place(request.args)
        hours = _hours(first, last)
        is_known = (hours + 1) * 3600 <= clock().timestamp()
        labels = [datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y%m%d%H") for hour in hours.tolist()]
        means = dict(zip(_POWER_VALUES, _hour_means(seed, hours, latitude, longitude), strict=True))
        return _reply(
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [longitude, latitude, 30.0]},
                "properties": {
                    "parameter": {
                        name: dict(zip(labels, _rounded(values, is_known, _FILL_VALUE), strict=True))
                        for name, values in means.items()
                    }
                },
                "header": {"title": "Sandbox", "fill_value": _FILL_VALUE, "time_standard": "UTC"},
                "parameters": {
                    name: {"units": unit, "longname": name}
                    for name, unit in zip(_POWER_VALUES, _POWER_UNITS, strict=True)
                },
            }
        )

    def refuse(error: _BadRequestError) -> Response:
        return _reply({"error": True, "reason": str(error)}, 400)

    app.add_url_rule(ARCHIVE_PATH, "weather_archive", archive)
    app.add_url_rule(POWER_PATH, "weather_power", power)
    app.register_error_handler(_BadRequestError, refuse)


def humidity_pct(seed: int, minutes: Ints) -> Floats:
    """Return the relative humidity [%] at minutes since the Unix epoch: damp nights, and spells of their own."""
    day_mean = outdoor_temp_c(seed, minutes - minutes % MINUTES_PER_DAY + MINUTES_PER_DAY // 2)
    spells = 12.0 * smooth_noise(make_key(seed, "weather", "damp"), minutes, 3 * MINUTES_PER_DAY)
    return np.clip(70.0 - 3.0 * (outdoor_temp_c(seed, minutes) - day_mean) + spells, 15.0, 100.0)


def irradiance_w_m2(seed: int, minutes: Ints, latitude: float, longitude: float) -> Floats:
    """Return the global irradiance on a horizontal surface [W/m²] at minutes since the Unix epoch."""
    day_of_year = minutes / MINUTES_PER_DAY % 365.2425
    declination = np.radians(-23.44) * np.cos(2 * np.pi * (day_of_year + 10) / 365.2425)
    hour_angle = 2 * np.pi * (minutes % MINUTES_PER_DAY / MINUTES_PER_DAY - 0.5 + longitude / 360)
    north = np.radians(latitude)
    height = np.sin(north) * np.sin(declination) + np.cos(north) * np.cos(declination) * np.cos(hour_angle)
    sky = smooth_noise(make_key(seed, "weather", "sky"), minutes, 2 * MINUTES_PER_DAY)
    return _CLEAR_SKY_W_M2 * np.maximum(height, 0.0) * np.clip(0.6 + 0.3 * sky, 0.1, 1.0)


def _hour_means(seed: int, hours: Ints, latitude: float, longitude: float) -> tuple[Floats, Floats, Floats]:
    """Return mean temperature [°C], humidity [%] and irradiance [W/m²] of hours since the epoch."""
    minutes = (hours[:, None] * 60 + np.arange(_SAMPLE_MIN // 2, 60, _SAMPLE_MIN)[None, :]).ravel()
    values = (
        outdoor_temp_c(seed, minutes),
        humidity_pct(seed, minutes),
        irradiance_w_m2(seed, minutes, latitude, longitude),
    )
    temp, humidity, irradiance = (one.reshape(hours.size, -1).mean(axis=1) for one in values)
    return temp, humidity, irradiance


def _hours(first: date, last: date) -> Ints:
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp()) // 3600
    return start + np.arange(24 * ((last - first).days + 1), dtype=np.int64)


def _days(args: Mapping[str, str], first: str, last: str, form: str) -> tuple[date, date]:
    try:
        days = tuple(datetime.strptime(args[name], form).replace(tzinfo=UTC).date() for name in (first, last))
    except (KeyError, ValueError) as err:
        raise _BadRequestError(f"Invalid date format of {first} or {last}") from err
    if not timedelta(0) <= days[1] - days[0] <= timedelta(days=4000):
        raise _BadRequestError(f"Parameter '{last}' must be after '{first}'")
    return days[0], days[1]


def _place(args: Mapping[str, str]) -> tuple[float, float]:
    try:
        latitude, longitude = float(args["latitude"]), float(args["longitude"])
    except (KeyError, ValueError) as err:
        raise _BadRequestError("Parameter 'latitude' and 'longitude' must have the same number of elements") from err
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise _BadRequestError(f"Latitude must be in range of -90 to 90°. Given: {latitude}.")
    return latitude, longitude


def _rounded(values: Floats, is_known: np.ndarray, missing: float | None) -> list[float | None]:
    return [
        round(value, 1) if known else missing for value, known in zip(values.tolist(), is_known.tolist(), strict=True)
    ]


def _reply(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json; charset=utf-8")
