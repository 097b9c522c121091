"""No analysis waits for a column that nothing loads, and nothing is loaded that no analysis reads."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from analyze.week.site_week import SiteContext
from lib import db
from lib.paths import PROJECT_ROOT
from lib.readings import ELECTRICAL_COLUMNS, READING_COLUMNS, REGISTER_COLUMNS

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ANALYZE = PROJECT_ROOT / "analyze"
ELECTRICAL = {
    "electrical_quantities.py",
    "electrical.py",
    "reactive.py",
}  # they are given `load_electrical`; all others `load_readings`


def _texts(paths: list[Path]) -> set[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def _measured_columns(conn: Connection) -> set[str]:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'v_readings_enriched'"
        " AND data_type IN ('real', 'double precision')"
    )
    return {name for (name,) in db.fetch_all(conn, query)}


def test_every_column_that_an_analysis_reads_is_loaded_and_the_other_way_round(conn: Connection) -> None:
    measured, paths = _measured_columns(conn), sorted(ANALYZE.rglob("*.py"))
    assert {"power_l1_kw", "thd_current_pct"} < measured
    electrical = _texts([path for path in paths if path.name in ELECTRICAL]) & measured
    others = _texts([path for path in paths if path.name not in ELECTRICAL]) & measured
    assert others == {*READING_COLUMNS, *REGISTER_COLUMNS}
    # What the sections of `load_readings` look at comes along, for one row tells both.
    assert electrical | set(READING_COLUMNS) == set(ELECTRICAL_COLUMNS)


def test_every_part_of_the_context_is_loaded() -> None:
    tree = ast.parse((ANALYZE / "week" / "loading.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (call,) = (node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "SiteContext")
    assert {keyword.arg for keyword in call.keywords} == set(SiteContext._fields)
