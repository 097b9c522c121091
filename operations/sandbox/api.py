"""The Flask application that answers like the Eniscope Core API."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
from flask import Flask, Response, g, request

from lib.date_utils import last_complete_week, local_midnight
from operations.sandbox import service_faults as faults_
from operations.sandbox import site_model as model
from operations.sandbox import spoiling
from operations.sandbox.auth import DEFAULT_TOKEN_LIFETIME_S, Credentials, Gatekeeper
from operations.sandbox.catalogue import build_catalogue
from operations.sandbox.date_words import parse_span
from operations.sandbox.fault_kinds import (
    AUTUMN_DOUBLING,
    COUNTER_RESET,
    KINDS,
    NULL_REPLIES,
    READINGS,
    VIRTUAL_CHANNEL,
)
from operations.sandbox.generator import GeneratedSite
from operations.sandbox.lists import add_lists, check_own_channel
from operations.sandbox.paths import unify_paths
from operations.sandbox.planted import plan_weeks
from operations.sandbox.quirks import STEADY, ChangingSource, Quirks
from operations.sandbox.readings import Source, build_reading, options_json
from operations.sandbox.replay import DEFAULT_INTERVAL_MIN, ReplaySite, prepare_replay
from operations.sandbox.replies import JSON_TYPE, ServiceError, error_response, json_response
from operations.sandbox.weather_api import WEATHER_PATHS, add_weather

logger = logging.getLogger(__name__)

DEFAULT_SEED = 7
SANDBOX_HEADER = "X-Eniscope-Sandbox"
_DAY_S = 86400
_YEARS_OF_DATA = 3
_NEW_CHANNEL_WEEKS = 7  # age of the youngest circuit when the first planted week begins

Clock = Callable[[], datetime]


def make_site(
    seed: int,
    now: datetime,
    planted_weeks: Sequence[date] | None = None,
    *,
    extra_channels: int = 0,
    lasting_faults: Collection[str] = (),
) -> GeneratedSite:
    """Return the modelled site.

    Parameters
    ----------
    seed
        Chooses the weather and the behaviour of every load.
    now
        The service's clock; it decides the default planted week and how far back data go.
    planted_weeks
        Mondays of the local weeks to plant; None is the last complete week, an empty list none.
    lasting_faults
        Those of `fault_kinds.KINDS` that the data have for good.
    """
    tz = ZoneInfo(model.TIME_ZONE)
    mondays = [last_complete_week(now, tz)[0]] if planted_weeks is None else sorted(planted_weeks)
    first_year = min([now.year, *(monday.year for monday in mondays)]) - _YEARS_OF_DATA
    installed_s = int(local_midnight(date(first_year, 1, 1), tz).timestamp())
    new_installed_s = None
    if mondays:
        new_installed_s = int(local_midnight(mondays[0] - timedelta(weeks=_NEW_CHANNEL_WEEKS), tz).timestamp())
    catalogue = build_catalogue(
        installed_s, new_installed_s, extra_channels, has_virtual_channel=VIRTUAL_CHANNEL in lasting_faults
    )
    return GeneratedSite(
        seed,
        catalogue,
        plan_weeks(mondays, tz),
        has_autumn_doubling=AUTUMN_DOUBLING in lasting_faults,
        has_counter_resets=COUNTER_RESET in lasting_faults,
    )


def create_app(
    *,
    seed: int = DEFAULT_SEED,
    now: datetime | Clock | None = None,
    planted_weeks: Sequence[date] | None = None,
    faults: str | faults_.FaultPlan = "none",
    latency_s: float = 0.0,
    token_lifetime_s: float = DEFAULT_TOKEN_LIFETIME_S,
    credentials: Credentials | None = None,
    extra_channels: int = 0,
    replay: pd.DataFrame | None = None,
    replay_timezone: str = model.TIME_ZONE,
    replay_interval_min: int = DEFAULT_INTERVAL_MIN,
    source: Source | None = None,
    quirks: Quirks = STEADY,
    monotonic: Callable[[], float] = time.monotonic,
) -> Flask:
    """Return the service as a WSGI application.

    Parameters
    ----------
    seed
        Chooses weather, loads and service faults.
    now
        The service's clock: a fixed moment, a function, or None for real time. Nothing at or after it is served.
    planted_weeks
        Mondays of the local weeks with planted faults; None is the last complete one, an empty list none.
    faults
        What `fault_kinds.parse_faults` takes, or a plan of one's own.
    latency_s
        Wait this long before every reply [s].
    token_lifetime_s
        How long a token lives [s].
    credentials
        The account; None is the published one.
    extra_channels
        How many more channels to list, for tests of paging.
    replay
        Measured intervals to serve in place of the model; columns as in `replay.prepare_replay`, or as it returns.
    source
        What to serve in place of the model and of `replay`. Its catalogue is read anew for each list, so channels may
        come and go.
    quirks
        What changes while the service is in use: fields that come later, channels that move, a license that ends.
    monotonic
        The clock that tokens live by [s].

    Returns
    -------
    Flask
        Its ``extensions["sandbox"]`` holds ``source``, ``faults`` and ``stopping`` (an event that ends waits).
    """
    clock = _make_clock(now)
    plan = faults_.make_fault_plan(faults, seed) if isinstance(faults, str) else faults
    if source is None and replay is not None:
        prepared = replay if "ts" in replay else prepare_replay(replay, replay_timezone, replay_interval_min)
        source = ReplaySite(prepared, replay_timezone)
    elif source is None:
        source = make_site(seed, clock(), planted_weeks, extra_channels=extra_channels, lasting_faults=plan.lasting)
    if quirks != STEADY:
        source = ChangingSource(source, quirks, clock)
    stopping = threading.Event()
    app = Flask(__name__, static_folder=None)
    app.extensions["sandbox"] = {"source": source, "faults": plan, "stopping": stopping}
    gatekeeper = Gatekeeper(credentials or Credentials(), token_lifetime_s, monotonic)
    _add_hooks(app, gatekeeper, plan, stopping, latency_s)
    add_lists(app, source, plan)
    _add_readings(app, source, clock, plan)
    add_weather(app, seed, clock)
    app.wsgi_app = unify_paths(app.wsgi_app)  # type: ignore[assignment,method-assign]
    return app


def _make_clock(now: datetime | Clock | None) -> Clock:
    if now is None:
        return lambda: datetime.now(UTC)
    if isinstance(now, datetime):
        return lambda: now
    return now


def _add_hooks(
    app: Flask, gatekeeper: Gatekeeper, plan: faults_.FaultPlan, stopping: threading.Event, latency_s: float
) -> None:
    def wait(share: float) -> None:
        stopping.wait(plan.hang_s * share)

    @app.before_request
    def admit() -> None:
        g.fault = g.token = None
        g.clock_error_s = 0
        if request.path in WEATHER_PATHS:  # other services, which want no key
            return
        if latency_s:
            stopping.wait(latency_s)
        g.token = gatekeeper.check_request(request.headers)
        has_token = "X-Eniscope-Token" in request.headers
        g.fault = plan.choose(request.path, f"{request.method} {request.full_path}", has_token=has_token)
        if g.fault in faults_.REFUSALS:
            plan.count(g.fault)
            faults_.raise_refusal(g.fault)
        if g.fault in faults_.TOKEN_REFUSALS and gatekeeper.expire_token(request.headers):
            g.token = None
            plan.count(g.fault)
            raise ServiceError(*faults_.TOKEN_REFUSALS[g.fault])
        if g.fault == "wrong_clock":
            g.clock_error_s = plan.clock_error_s()
        if g.fault == "hang":
            plan.count(g.fault)
            wait(1.0)

    @app.errorhandler(ServiceError)
    def refuse(error: ServiceError) -> Response:
        return error_response(error)

    @app.errorhandler(404)
    def not_found(_: Exception) -> Response:
        return error_response(ServiceError(404, "Unknown resource"))

    @app.errorhandler(405)
    def not_allowed(_: Exception) -> Response:
        return error_response(ServiceError(405, "Method Not Allowed"))

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers[SANDBOX_HEADER] = "1"
        if response.status_code == 200:
            if g.get("token"):
                response.headers["X-Eniscope-Token"] = g.token
            if g.get("clock_error_s"):
                response.date = datetime.now(UTC) + timedelta(seconds=g.clock_error_s)
                plan.count(g.fault)
            elif g.get("fault") and spoiling.spoil_body(response, g.fault, wait):
                plan.count(g.fault)
        logger.debug("%s %s %s", request.method, request.full_path, response.status)
        return response


def _add_readings(app: Flask, source: Source, clock: Clock, plan: faults_.FaultPlan) -> None:
    is_lenient = NULL_REPLIES in plan.lasting

    def find(channel_id: int) -> model.Channel:
        check_own_channel(channel_id)
        channel = source.catalogue.find_channel(channel_id)
        if channel is None:
            raise ServiceError(404, f"Not found – channel {channel_id}")
        return channel

    def readings(channel_id: int) -> Response:
        channel = find(channel_id)
        now_s = clock().timestamp() + g.clock_error_s
        if now_s >= channel.license_ends_s:
            raise ServiceError(402, "Subscription Expired")
        span = parse_span(request.args, ZoneInfo(source.catalogue.zone_of(channel)), now_s)
        # The service coarsens long windows only.
        is_coarse = g.fault == "coarse" and span.end_s - span.start_s > _DAY_S
        text = sound = build_reading(source, channel, request.args, now_s, is_coarse=is_coarse, is_lenient=is_lenient)
        if g.fault is not None and KINDS[g.fault].scope == READINGS:
            text = spoiling.spoil_reading(sound, g.fault)
        if is_coarse or text is not sound:
            plan.count(g.fault)
        return Response(text.encode(), content_type=JSON_TYPE)

    def options(channel_id: int) -> Response:
        return json_response(options_json(find(channel_id)))

    path = "/readings/<int:channel_id>"
    app.add_url_rule(path, "readings", readings, methods=["GET"], provide_automatic_options=False)
    app.add_url_rule(path, "readings_options", options, methods=["OPTIONS"], provide_automatic_options=False)
