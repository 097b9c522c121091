"""Which meters the question after mains is about: those that count until now, as the site's file says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from generated_sites import GeneratedSite, make_site

from config.site_file import load_site
from govern.checks.channel_facts import store_channel_facts
from govern.checks.mains import ask_for_mains
from govern.checks.verdict import Scope
from ingest.storage import attempts, readings, sites

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SITE_ID = 7
START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
SITE: GeneratedSite = make_site(3, shape="main")
(MAIN,) = {*SITE.parents.values()}
FIRST, SECOND, *OTHERS = sorted(SITE.parents)
END = START + timedelta(minutes=15) * len(SITE.grid.kwh)
SCOPE = Scope(SITE_ID, START, END, END, END, START, 1)


@pytest.fixture
def metered(conn: Connection) -> Connection:
    """The readings of a main and its parts."""
    organization = {"organization_id": SITE_ID, "name": "site", "timezone": "UTC"}
    channels = [{"channel_id": key, "organization_id": SITE_ID, "name": f"meter {key}"} for key in SITE.grid.ids]
    sites.register_site(conn, organization, [], channels, "eniscope")
    run_id = attempts.start_run(conn, SITE_ID)
    for key in SITE.grid.ids:
        kwh = SITE.kwh_of(key)[:, 0]
        moments = range(int(START.timestamp()), int(END.timestamp()), 900)
        rows = pd.DataFrame({"timestamp": moments, "energy_kwh": kwh, "power_kw": 4 * kwh})
        readings.insert_readings(conn, SITE_ID, key, 900, run_id, rows)
        sites.save_fields(conn, key, ("E", "P"))
    return conn


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("", [FIRST, SECOND, *OTHERS]),
        (f'[channels.{FIRST}]\nkind = "storage"\n', [SECOND, *OTHERS]),
        (f"[channels.{FIRST}]\nuntil = {END.date()}\n", [FIRST, SECOND, *OTHERS]),
        (f"[channels.{FIRST}]\nuntil = {(END - timedelta(days=1)).date()}\n", [SECOND, *OTHERS]),
        (f"[channels.{MAIN}]\nuntil = {(END - timedelta(days=1)).date()}\n", []),
        (f"[site]\nexclude = [{MAIN}]\n", []),
        (f"[site]\nexclude = [{FIRST}]\n", [SECOND, *OTHERS]),
        (f'[channels.{FIRST}]\nparent = ""\n', [SECOND, *OTHERS]),
        (f'[channels.{FIRST}]\nparent = "{MAIN}"\n', [SECOND, *OTHERS]),
        ("".join(f'[channels.{key}]\nparent = "{MAIN}"\n' for key in SITE.parents), []),
    ],
)
def test_the_question_is_about_what_counts_until_now(
    metered: Connection, tmp_path: Path, said: str, parts: list[int]
) -> None:
    (tmp_path / f"{SITE_ID}.toml").write_text(said, encoding="utf-8")
    store_channel_facts(metered, load_site(SITE_ID, tmp_path))
    found = ask_for_mains(metered, SCOPE)
    asked = [(one.channel_id, sorted(one.examples[0]["parts"])) for one in found]
    assert asked == ([(MAIN, parts)] if parts else [])
