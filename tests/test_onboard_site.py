"""The script that proposes a site's file: where it writes, where it refuses, and with which code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from onboard_factory import read_tables
from site_factory import METERS, SITE_ID, make_site, register_site

from config.site_file import load_site
from lib import db
from lib.date_utils import Window
from lib.errors import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, UsageError
from operations import onboard_site
from operations.onboard_site import choose_place, propose

if TYPE_CHECKING:
    from conftest import RunScript
    from psycopg2.extensions import connection as Connection

SCRIPT = "operations/onboard_site.py"
END = datetime(2026, 2, 2, 5, tzinfo=UTC)  # midnight in New York


def test_it_prints_a_file_or_writes_it_and_never_over_another(
    conn: Connection, database_url: str, run_script: RunScript, tmp_path: Path
) -> None:
    make_site(conn, END, days=21)
    conn.commit()
    env, out = {"DATABASE_URL": database_url}, tmp_path / f"{SITE_ID}.toml"
    printed = run_script(SCRIPT, "--site", "23271", env=env)
    assert (printed.returncode, printed.stderr) == (EXIT_DONE, "")
    assert '# Proposed for site 23271, "Test school",' in printed.stdout
    written = run_script(SCRIPT, "--site", "23271", "--out", out, env=env)
    assert (written.returncode, written.stderr) == (EXIT_DONE, "")
    assert written.stdout == (
        f"{out}: read it, take the # from what is right, copy it to config/sites/23271.toml, then run: "
        "python govern/refresh_views.py; python govern/validate_data.py --site 23271\n"
    )
    assert out.read_text(encoding="utf-8") == printed.stdout
    site = load_site(SITE_ID, tmp_path)
    assert site.excluded({key: f"meter {key}" for key in METERS}) == frozenset()
    again = run_script(SCRIPT, "--site", "23271", "--out", out, env=env)
    assert (again.returncode, again.stdout) == (EXIT_USAGE, "")
    assert "is there already and is never replaced" in again.stderr
    assert out.read_text(encoding="utf-8") == printed.stdout


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("eniscope", "python ingest/ingest_to_postgres.py --site 23271 --days 90"),
        ("file", "python ingest/import_csv.py --site 23271 FILE.csv"),
    ],
)
def test_a_site_without_readings_is_told_what_to_run_first(
    conn: Connection, database_url: str, run_script: RunScript, source: str, command: str
) -> None:
    register_site(conn, source)
    conn.commit()
    run = run_script(SCRIPT, "--site", "23271", env={"DATABASE_URL": database_url})
    assert (run.returncode, run.stdout) == (EXIT_FAILED, "")
    (line,) = run.stderr.splitlines()
    assert line.endswith(f"site 23271 has no readings to propose anything from; run first: {command}")


def test_an_unknown_site_is_told_so(conn: Connection, database_url: str, run_script: RunScript) -> None:
    run = run_script(SCRIPT, "--site", "404", env={"DATABASE_URL": database_url})
    assert (run.returncode, run.stdout) == (EXIT_FAILED, "")
    (line,) = run.stderr.splitlines()
    assert "site 404 is not in the database" in line
    assert "python ingest/ingest_to_postgres.py --site 404" in line


def test_the_options_exclude_each_other_and_the_site_is_named(run_script: RunScript) -> None:
    assert run_script(SCRIPT).returncode == EXIT_USAGE
    assert run_script(SCRIPT, "--site", "1", "--write", "--out", "x.toml").returncode == EXIT_USAGE


@pytest.mark.parametrize("kind", ["file", "empty file", "link to nothing", "folder"])
def test_whatever_is_at_a_site_s_file_stays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "7.toml"
    assert choose_place(7, None, tmp_path) == path
    if kind == "folder":
        path.mkdir()
    elif kind == "link to nothing":
        path.symlink_to(tmp_path / "elsewhere.toml")
    else:
        path.write_text("" if kind == "empty file" else "[sync]\n", encoding="utf-8")
    for out in (None, path):
        with pytest.raises(UsageError, match=r"site 7: .*7\.toml is there already .* give --out another file"):
            choose_place(7, out, tmp_path)


def test_write_makes_the_site_s_file_and_a_file_is_said_to_be_there(
    conn: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_site(conn, END, days=15)
    conn.commit()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setattr(onboard_site.choose_place, "__defaults__", (tmp_path,))
    assert onboard_site.main(["--site", "23271", "--write"]) == EXIT_DONE
    assert load_site(SITE_ID, tmp_path).schedule.is_assumed
    with pytest.raises(UsageError, match="is never replaced"):
        onboard_site.main(["--site", "23271", "--write"])
    assert "The site has a file already" in propose(conn, SITE_ID, tmp_path)


def test_names_from_the_service_change_nothing_but_comments(conn: Connection, tmp_path: Path) -> None:
    make_site(conn, END, days=15)
    names = ('x"\n[tariff]\nflat_rate_usd_per_kwh = 9\n', "\u202e]] # '''")
    for key, name in zip(METERS, names, strict=True):
        db.execute(conn, "UPDATE channels SET name = %s WHERE channel_id = %s", (name, key))
    db.execute(conn, "UPDATE organizations SET name = %s, country = %s", (names[0], names[1]))
    conn.commit()
    text = propose(conn, SITE_ID, tmp_path)
    (tmp_path / f"{SITE_ID}.toml").write_text(text, encoding="utf-8")
    site = load_site(SITE_ID, tmp_path)
    assert site.channels(dict(zip(METERS, names, strict=True))).keys() <= set(METERS)
    assert site.tariffs.is_assumed
    assert set(read_tables(text)["tariff"]) == {"flat_rate_usd_per_kwh"}
    assert text.replace("\n", "").isprintable()


def test_readings_older_than_twelve_weeks_are_not_looked_at(conn: Connection, tmp_path: Path) -> None:
    make_site(conn, END, days=90)
    conn.commit()
    assert "# from 12.0 weeks of readings up to 2026-02-02." in propose(conn, SITE_ID, tmp_path)
    window = Window(END - timedelta(days=90), END - timedelta(days=1))
    db.execute(conn, "DELETE FROM readings WHERE timestamp >= %s AND timestamp < %s", tuple(window))
    conn.commit()
    assert "# from 0.1 weeks of readings up to 2026-02-02." in propose(conn, SITE_ID, tmp_path)
