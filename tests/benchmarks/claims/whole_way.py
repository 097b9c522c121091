"""The whole way: made-up sites go through import, refresh, validation and report over PostgreSQL, script by script."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.claims.made_up_site import MadeUpSite
from benchmarks.claims.stored_frames import file_rows

from ingest.weather import store as weather_store
from lib import db
from lib.date_utils import Window
from lib.paths import PROJECT_ROOT, SITES_DIR

TIMEOUT_S = 600
HELD_BACK = 3  # validation found something that holds data back; the report then says what
WEATHER_SOURCE = "open-meteo"


@contextmanager
def site_file(site: MadeUpSite, site_id: int, folder: Path = SITES_DIR) -> Iterator[None]:
    """Let the site's file stand where the product looks for it, as long as the block lasts.

    Raises
    ------
    FileExistsError
        When a site of this number has a file already: it is somebody's.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{site_id}.toml"
    with path.open("x", encoding="utf-8") as handle:
        handle.write(site.toml)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others are in it
            folder.rmdir()


def run_script(url: str, script: str, *words: str, may_hold_back: bool = False) -> None:
    """Run a script of the project against a database.

    Raises
    ------
    RuntimeError
        When it fails; the message is the end of what it says.
    """
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / script), *words],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode not in ({0, HELD_BACK} if may_hold_back else {0}):
        raise RuntimeError(f"{script} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")


def import_site(site: MadeUpSite, site_id: int, url: str, folder: Path) -> None:
    """Write the site's interval file and import it, with its weather."""
    rows = file_rows(site).rename(columns={"interval_start": "timestamp"})
    path = folder / f"{site_id}.csv"
    rows.assign(timestamp=rows["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(path, index=False)
    parents = [word for child, parent in site.parents.items() for word in ("--parent", f"{child}={parent}")]
    words = ("--site", str(site_id), "--site-name", site.name, "--timezone", site.time.zone, *parents, str(path))
    run_script(url, "ingest/import_csv.py", *words)
    if site.temp_c is not None:
        with db.connect(url) as conn:
            store_weather(conn, site, site_id)
            conn.commit()


def store_weather(conn: Any, site: MadeUpSite, site_id: int) -> None:
    """Store the site's weather as a fetch would leave it."""
    temp = pd.Series(site.temp_c, index=site.time.index.tz_convert("UTC")).resample("h").mean().round(2)
    window = Window(temp.index[0].to_pydatetime(), temp.index[-1].to_pydatetime())
    fetch_id = weather_store.start_fetch(conn, site_id, window)
    hours = [moment.to_pydatetime() for moment in temp.index]
    db.execute(
        conn,
        "INSERT INTO weather_hourly (organization_id, timestamp, temp_c, relative_humidity_pct, irradiance_w_m2,"
        " is_provisional, source, fetch_id) SELECT %s, hour, temp_c, 50, 100, false, %s, %s"
        " FROM unnest(%s::timestamptz[], %s::real[]) AS weather (hour, temp_c)",
        (site_id, WEATHER_SOURCE, fetch_id, hours, np.asarray(temp, dtype=float).tolist()),
    )
    weather_store.finish_fetch(conn, site_id, fetch_id, WEATHER_SOURCE, len(hours), len(hours))


def report_over_database(sites: dict[int, MadeUpSite], url: str, folder: Path) -> dict[int, dict[str, Any] | str]:
    """Return the weekly report of each site by its number, or why there is none."""
    outcomes: dict[int, dict[str, Any] | str] = {}
    for site_id, site in sites.items():
        with site_file(site, site_id):
            try:
                import_site(site, site_id, url, folder)
            except RuntimeError as err:
                outcomes[site_id] = str(err)
    run_script(url, "govern/refresh_views.py")
    for site_id, site in sites.items():
        if site_id not in outcomes:
            with site_file(site, site_id):
                outcomes[site_id] = _validated_report(site, site_id, url, folder)
    return outcomes


def _validated_report(site: MadeUpSite, site_id: int, url: str, folder: Path) -> dict[str, Any] | str:
    path = folder / f"{site_id}.json"
    words = ("--site", str(site_id), "--start", site.time.monday.isoformat(), "--out", str(path))
    try:
        run_script(url, "govern/validate_data.py", "--site", str(site_id), may_hold_back=True)
        run_script(url, "deliver/generate_weekly_report.py", *words)
    except RuntimeError as err:
        return str(err)
    return json.loads(path.read_text(encoding="utf-8"))
