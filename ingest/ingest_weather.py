"""Fetch the weather at a site by its coordinates and store it by the hour.

Asks Open-Meteo, and NASA POWER where that does not answer; neither needs a key. Only what is missing is asked for, and
what is younger than a week, which may still be corrected. Without --days it reaches back to the site's first reading.
The weather is a help to the analyses and no condition of anything: no other step waits for it.

Stage: ingest
Reads: weather services (WEATHER_API_URL, WEATHER_FALLBACK_API_URL)
Writes: weather_hourly, weather_fetches
Safe to re-run: yes; what is settled is not asked for again
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import Settings, load_settings
from lib import cli, db
from lib.clocks import read_clock
from lib.errors import EXIT_DONE, EXIT_FAILED, ApiError, PipelineError
from lib.logs import clean_text, setup_logging
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ingest.weather.providers import Provider
    from ingest.weather.store import WeatherSite

logger = logging.getLogger(__name__)

DEFAULT_DAYS = 30  # for a site without readings yet
MAX_DAYS = 5 * 366  # further back no analysis looks


class WeatherSummary(NamedTuple):
    """What a run did, in hours."""

    requests: int
    fetched: int
    stored: int
    failed: int


def choose_providers(settings: Settings, site: WeatherSite) -> list[Provider]:
    """Return whom to ask. For a site of the sandbox that is the sandbox, which serves its own weather."""
    from ingest.weather.providers import NASA_POWER, OPEN_METEO

    if site.data_source == DataSource.SANDBOX and settings.weather_api_url is None:
        return [OPEN_METEO._replace(url=settings.api_url.removesuffix("/v1"))]
    return [
        OPEN_METEO._replace(url=settings.weather_api_url or OPEN_METEO.url),
        NASA_POWER._replace(url=settings.weather_fallback_api_url or NASA_POWER.url),
    ]


def fetch_missing(
    conn: Connection,
    site: WeatherSite,
    providers: Sequence[Provider],
    days: int | None,
    now: datetime,
    timeouts_s: tuple[float, float],
) -> WeatherSummary:
    """Fetch and store the days that are missing or not settled, one transaction for each stretch of them.

    `timeouts_s` are the longest silence and the longest time for a whole answer.
    """
    from ingest.weather import store as store
    from ingest.weather.client import get_weather, open_session

    earliest = now - timedelta(days=MAX_DAYS)
    since = now - timedelta(days=days or DEFAULT_DAYS)
    if days is None and site.first_reading_at is not None:
        since = max(site.first_reading_at, earliest)
    first, today = since.date(), now.date()
    settled = store.load_settled_days(conn, site.site_id, store.day_window(first, today))
    requests = fetched = stored = failed = 0
    with open_session(timeouts_s[1]) as session:
        for stretch in store.missing_stretches(first, today, settled):
            window = store.day_window(*stretch)
            fetch_id = store.start_fetch(conn, site.site_id, window)
            conn.commit()
            requests += 1
            try:
                weather = get_weather(session, providers, site.place, stretch, today, timeouts_s[0])
                store.check_weather_source(site, weather)
            except PipelineError as err:
                store.finish_fetch(conn, site.site_id, fetch_id, "", 0, 0, clean_text(str(err)))
                conn.commit()
                if not isinstance(err, ApiError):
                    raise
                failed += 1
                logger.error("site %d: %s", site.site_id, err)
                continue
            came, new = store.store_weather(conn, site.site_id, fetch_id, weather, window, now)
            store.finish_fetch(conn, site.site_id, fetch_id, weather.source, came, new)
            conn.commit()
            fetched, stored = fetched + came, stored + new
            logger.info("weather of %s to %s from %s: %d hours, %d new or settled", *stretch, weather.source, came, new)
    return WeatherSummary(requests, fetched, stored, failed)


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch one site's weather; exit 1 when a stretch of it could not be had."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser)
    parser.add_argument("--days", type=cli.day_count, metavar="N", help="days back (default: to the first reading)")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()

    from ingest.weather.store import load_weather_site

    with db.connect(settings.require_database_url("ingest")) as conn:
        site = load_weather_site(conn, args.site)
        providers = choose_providers(settings, site)
        timeouts_s = settings.request_timeout_s, settings.total_timeout_s
        summary = fetch_missing(conn, site, providers, args.days, read_clock(conn), timeouts_s)
    print(
        f"site {site.site_id}: weather in {summary.requests} requests, {summary.fetched:,} hours fetched, "
        f"{summary.stored:,} new or settled; {summary.failed} requests failed"
    )
    return EXIT_FAILED if summary.failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
