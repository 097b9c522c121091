"""Where weather comes from: what each provider is asked, and what its replies mean. Pure.

A provider is a few facts and two functions, one that builds the query and one that reads the reply, so another one is
another dozen lines. All give means of UTC hours, labelled by the hour's start.

References
----------
- Open-Meteo, Historical Weather API, open-meteo.com/en/docs/historical-weather-api: temperature and humidity are of
  the instant, radiation is the mean of the hour before it; no key; days after the present are refused.
- NASA POWER, Hourly API, power.larc.nasa.gov/docs/services/api/temporal/hourly: means of the hour, labelled by its
  start in UTC; no key; the newest days follow within about a week.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.errors import ApiError

VALUE_COLUMNS = ("temp_c", "relative_humidity_pct", "irradiance_w_m2")
HOUR_S = 3600

_OPEN_METEO_FIELDS = ("temperature_2m", "relative_humidity_2m", "shortwave_radiation")
_OPEN_METEO_UNITS = ("°C", "%", "W/m²")
_POWER_FIELDS = ("T2M", "RH2M", "ALLSKY_SFC_SW_DWN")
# Energy of an hour and mean power over it are the same number; the service has written it both ways.
_POWER_UNITS = ({"C"}, {"%"}, {"Wh/m^2", "W/m^2", "Wh/m2", "W/m2"})
# Records of the Earth's surface are −89.2 °C and 56.7 °C; the sun outside the atmosphere gives 1361 W/m².
_LIMITS = ((-90.0, 60.0), (0.0, 100.0), (0.0, 1500.0))


class Provider(NamedTuple):
    """A source of hourly weather.

    Attributes
    ----------
    build_params
        Latitude and longitude [degrees], first and last UTC day, and the present day → the query.
    parse
        The reply → `hour_s` (int64, epoch seconds) and `VALUE_COLUMNS` (float64; NaN is missing).
    """

    name: str
    url: str
    path: str
    build_params: Callable[[float, float, date, date, date], dict[str, str]]
    parse: Callable[[Any], pd.DataFrame]


def parse_weather(provider: Provider, reply: Any) -> pd.DataFrame:
    """Return the hours of a reply that have a value, ascending and unique; values that cannot be are missing.

    Raises
    ------
    ApiError
        When the reply is not in the form that the provider documents.
    """
    try:
        hours = provider.parse(reply)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise ApiError(f"{provider.name}: the reply cannot be read ({err!r}); the service may have changed") from err
    for column, (lowest, highest) in zip(VALUE_COLUMNS, _LIMITS, strict=True):
        hours[column] = hours[column].where(hours[column].between(lowest, highest))
    hours = hours.dropna(subset=list(VALUE_COLUMNS), how="all")
    return hours.drop_duplicates("hour_s").sort_values("hour_s", ignore_index=True)


def _open_meteo_params(latitude: float, longitude: float, first: date, last: date, today: date) -> dict[str, str]:
    return {
        "latitude": f"{latitude:.4f}",
        "longitude": f"{longitude:.4f}",
        "start_date": first.isoformat(),
        # The last hour of a day ends with the first instant of the next.
        "end_date": min(last + timedelta(days=1), today).isoformat(),
        "hourly": ",".join(_OPEN_METEO_FIELDS),
        "timezone": "GMT",
        "timeformat": "unixtime",
    }


def _parse_open_meteo(reply: Any) -> pd.DataFrame:
    hourly, units = reply["hourly"], reply["hourly_units"]
    for field, unit in zip(_OPEN_METEO_FIELDS, _OPEN_METEO_UNITS, strict=True):
        if units[field] != unit:
            raise ValueError(f"{field} came in {units[field]}")
    instant_s = np.asarray(hourly["time"], dtype=np.int64)
    temp, humidity, irradiance = (np.asarray(hourly[field], dtype=float) for field in _OPEN_METEO_FIELDS)
    follows = np.diff(instant_s) == HOUR_S
    return pd.DataFrame(
        {
            "hour_s": instant_s[:-1][follows],
            "temp_c": ((temp[:-1] + temp[1:]) / 2)[follows],
            "relative_humidity_pct": ((humidity[:-1] + humidity[1:]) / 2)[follows],
            "irradiance_w_m2": irradiance[1:][follows],
        }
    )


def _power_params(latitude: float, longitude: float, first: date, last: date, _: date) -> dict[str, str]:
    return {
        "latitude": f"{latitude:.4f}",
        "longitude": f"{longitude:.4f}",
        "start": first.strftime("%Y%m%d"),
        "end": last.strftime("%Y%m%d"),
        "parameters": ",".join(_POWER_FIELDS),
        "community": "RE",
        "time-standard": "UTC",
        "format": "JSON",
    }


def _parse_power(reply: Any) -> pd.DataFrame:
    fill_value = float(reply["header"]["fill_value"])
    columns = {}
    for field, column, units in zip(_POWER_FIELDS, VALUE_COLUMNS, _POWER_UNITS, strict=True):
        if reply["parameters"][field]["units"] not in units:
            raise ValueError(f"{field} came in {reply['parameters'][field]['units']}")
        columns[column] = pd.Series(reply["properties"]["parameter"][field], dtype="float64")
    table = pd.DataFrame(columns)
    table = table.where(table != fill_value)
    moments = pd.to_datetime(pd.Series(table.index), format="%Y%m%d%H")
    table.insert(0, "hour_s", ((moments - pd.Timestamp(0)) // pd.Timedelta(seconds=1)).to_numpy())
    return table.reset_index(drop=True)


OPEN_METEO = Provider(
    "open-meteo", "https://archive-api.open-meteo.com", "/v1/archive", _open_meteo_params, _parse_open_meteo
)
NASA_POWER = Provider(
    "nasa-power", "https://power.larc.nasa.gov", "/api/temporal/hourly/point", _power_params, _parse_power
)
