"""Help and refusals come before the heavy imports: an operator who mistyped an option waits for no pandas."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from site_factory import make_site

from lib.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPTS = sorted(
    path.relative_to(PROJECT_ROOT).as_posix()
    for stage in ("analyze", "deliver")
    for path in (PROJECT_ROOT / stage).glob("*.py")
    if path.name != "__init__.py"
)
HEAVY = ("pandas", "numpy", "typst", "jinja2", "babel")
SECTIONS = ["after_hours_waste", "anomaly_detection", "cost_model", "electrical_health", "quick_wins", "sensor_health",
            "spike_detection"]  # fmt: skip
REPORTS = ["weekly_report", "customer_report", "asset_health", "electrical_health", "monthly_summary"]


def run_light(script: str, *args: str | Path, url: str = "", folder: Path) -> tuple[int, str]:
    """Run a script; return its exit code and what it said, and fail where it imported anything heavy."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(PROJECT_ROOT / script), *map(str, args)],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "ENV_FILE": os.devnull, "DATABASE_URL": url},
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    imported = set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, flags=re.MULTILINE))
    assert "argparse" in imported  # it was listed at all
    assert imported.isdisjoint(HEAVY), (script, args, imported & set(HEAVY))
    said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("import time:"))
    return done.returncode, done.stdout + said


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_wrong_options_import_nothing_heavy(script: str, tmp_path: Path) -> None:
    code, said = run_light(script, "--help", folder=tmp_path)
    assert (code, said.startswith("usage: ")) == (0, True)
    code, said = run_light(script, "--no-such-option", folder=tmp_path)
    assert (code, "error: " in said) == (2, True)


@pytest.fixture
def held_site(conn: Connection, database_url: str) -> str:
    """URL of a database with a site that was never validated."""
    make_site(conn, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0), days=2)
    conn.commit()
    return database_url


def test_refusals_import_nothing_heavy(held_site: str, tmp_path: Path) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for name in SECTIONS:
        unknown = run_light(f"analyze/{name}.py", "--site", "999", url=held_site, folder=tmp_path)
        assert (unknown[0], "site 999" in unknown[1]) == (1, True), name
        reverse = ("--start", "2026-01-20", "--end", "2026-01-10")
        code, said = run_light(f"analyze/{name}.py", *reverse, url=held_site, folder=tmp_path)
        assert (code, "before it starts" in said) == (2, True), name
    code, said = run_light("analyze/forecast.py", "--from", "soon", url=held_site, folder=tmp_path)
    assert (code, "--from 'soon' should be a date" in said) == (2, True)
    verify = ("analyze/verify_savings.py", "--channel", "18", "--change")
    code, said = run_light(*verify, "soon", url=held_site, folder=tmp_path)
    assert (code, "--change 'soon' should be a date" in said) == (2, True)
    code, said = run_light("analyze/verify_savings.py", "--channel", "no such", "--change", tomorrow, url=held_site,
                           folder=tmp_path)  # fmt: skip
    assert (code, "no such" in said) == (2, True), said


def test_the_breaker_refuses_before_anything_heavy_is_imported(held_site: str, tmp_path: Path) -> None:
    for name in REPORTS:
        code, said = run_light(f"deliver/generate_{name}.py", "--site", "23271", url=held_site, folder=tmp_path)
        assert (code, "no report for site 23271: not validated yet" in said) == (3, True), name
        code, said = run_light(f"deliver/generate_{name}.py", "--site", "23271", "--force", url=held_site,
                               folder=tmp_path)  # fmt: skip
        assert (code, "--force and --reason TEXT belong together" in said) == (2, True), name
    code, said = run_light("deliver/export_for_tableau.py", "--site", "23271", url=held_site, folder=tmp_path)
    assert (code, "not validated yet" in said) == (3, True)
    code, said = run_light("deliver/explain_finding.py", tmp_path / "none.json", folder=tmp_path)
    assert (code, "not both" in said) == (2, True)


def test_telling_findings_of_a_held_site_imports_nothing_heavy(held_site: str, tmp_path: Path) -> None:
    code, said = run_light("deliver/tell_findings.py", "--site", "23271", "--dry-run", url=held_site, folder=tmp_path)
    assert (code, "nothing is told of site 23271: not validated yet" in said) == (3, True), said
