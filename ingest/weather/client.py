"""Asks the providers of weather over HTTP, one after the other until one answers."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import requests
from urllib3.util.retry import Retry

from ingest.weather.providers import Provider, parse_weather
from lib.errors import ApiError, UnreachableError
from lib.http_limits import LimitedAdapter, read_body
from lib.states import DataSource

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

_SANDBOX_HEADER = "X-Eniscope-Sandbox"
_NEXT = "the next provider is asked, if there is one"
_ATTEMPTS = 3
_BACKOFF_S = 1.0  # before the third attempt 2 s: weather can wait for tomorrow
_PASSING_STATUSES = (429, 500, 502, 503, 504)
_MAX_REASON_LENGTH = 200


class Place(NamedTuple):
    """Where the weather is asked for, degrees north and east."""

    latitude: float
    longitude: float


class Weather(NamedTuple):
    """An answer: who gave it ("sandbox" for made-up weather), and the hours as `parse_weather` returns them."""

    source: str
    hours: pd.DataFrame


def open_session(total_timeout_s: float) -> requests.Session:
    """Return a session that tries again over passing faults, a bounded time each [s]."""
    session = requests.Session()
    # A Retry-After of hours would keep the nightly sync waiting; so it is not looked at.
    retry = Retry(
        total=_ATTEMPTS - 1,
        backoff_factor=_BACKOFF_S,
        status_forcelist=_PASSING_STATUSES,
        respect_retry_after_header=False,
        raise_on_status=False,
        redirect=0,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, LimitedAdapter(total_timeout_s, max_retries=retry))
    return session


def get_weather(
    session: requests.Session,
    providers: Sequence[Provider],
    place: Place,
    days: tuple[date, date],
    today: date,
    timeout_s: float,
) -> Weather:
    """Return the weather of whole UTC days from the first provider that answers.

    Parameters
    ----------
    days
        First and last day.
    today
        The present UTC day: some providers refuse later ones.

    Raises
    ------
    UnreachableError
        When none answers; it names what each said.
    """
    problems = []
    for provider in providers:
        try:
            return _ask(session, provider, place, days, today, timeout_s)
        except ApiError as err:
            problems.append(str(err).removesuffix(f"; {_NEXT}"))
            logger.warning("weather of %s to %s: %s", *days, err)
    raise UnreachableError(
        f"no provider gave the weather of {days[0]} to {days[1]} ({'; '.join(problems)}); "
        "what is missing is asked for again by the next run"
    )


def _ask(
    session: requests.Session, provider: Provider, place: Place, days: tuple[date, date], today: date, timeout_s: float
) -> Weather:
    params = provider.build_params(*place, *days, today)
    try:
        response = session.get(
            provider.url.rstrip("/") + provider.path,
            params=params,
            timeout=timeout_s,
            allow_redirects=False,
            stream=True,
        )
        body = read_body(response)
    except requests.RequestException as err:
        raise ApiError(f"{provider.name}: no answer ({type(err).__name__}); {_NEXT}") from err
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError) as err:
        raise ApiError(f"{provider.name}: HTTP {response.status_code}, and no JSON; {_NEXT}") from err
    if response.status_code != 200:
        reason = reply.get("reason") or reply.get("messages") if isinstance(reply, dict) else ""
        said = f"HTTP {response.status_code} {str(reason or '')[:_MAX_REASON_LENGTH]}".strip()
        raise ApiError(f"{provider.name}: {said}; {_NEXT}")
    source = DataSource.SANDBOX if _SANDBOX_HEADER in response.headers else provider.name
    return Weather(source, parse_weather(provider, reply))
