"""The architecture, held: who imports whom, what is pure, what a script looks like."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from lib.paths import PROJECT_ROOT

MAY_IMPORT = {
    "config": {"config", "lib"},
    "lib": {"lib"},
    "ingest": {"config", "lib", "ingest"},
    "govern": {"config", "lib", "govern"},
    "analyze": {"config", "lib", "analyze"},
    "deliver": {"config", "lib", "analyze", "deliver"},
    "operations": {"config", "lib", "operations"},
}
ROOMS = set(MAY_IMPORT)
# Their top shows what can be run; what the scripts share lies in rooms below.
STAGES = ("ingest", "govern", "analyze", "deliver", "operations")
MODULES = sorted(path for room in ROOMS for path in (PROJECT_ROOT / room).rglob("*.py"))
SCRIPTS = [path for path in MODULES if '__name__ == "__main__"' in path.read_text(encoding="utf-8")]

# The sandbox is a service of its own, which is run where it lies.
SCRIPTS_BELOW = {PROJECT_ROOT / "operations" / "sandbox" / "eniscope_sandbox.py"}
MODULE_NAMES = {".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts): path for path in MODULES}

# Where analyze meets the database, for deliver and for its own command lines.
MAY_BE_IMPURE = [*SCRIPTS, *(PROJECT_ROOT / "analyze" / "week" / name for name in ("loading.py", "command_line.py"))]
# They take data and thresholds as arguments and return values.
PURE = [
    PROJECT_ROOT / "lib" / "stats_utils.py",
    PROJECT_ROOT / "lib" / "date_utils.py",
    PROJECT_ROOT / "ingest" / "eniscope" / "normalize.py",
    PROJECT_ROOT / "ingest" / "storage" / "binary_copy.py",
    PROJECT_ROOT / "ingest" / "storage" / "plausibility.py",
    *(
        PROJECT_ROOT / "ingest" / "files" / f"{name}.py"
        for name in ("clock_doubts", "columns", "day_rows", "doubts", "formats", "layout", "registers", "survey")
    ),
    PROJECT_ROOT / "ingest" / "files" / "times.py",
    PROJECT_ROOT / "ingest" / "files" / "parse.py",
    *(path for path in (PROJECT_ROOT / "analyze").rglob("*.py") if path not in MAY_BE_IMPURE),
]
IMPURE_MODULES = {"psycopg2", "requests", "urllib3", "logging", "lib.db", "lib.readings", "lib.logs", "config.settings"}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).parts[0]


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def imports_of(node: ast.AST) -> set[str]:
    """Return the dotted names that a piece of code imports, `from a import b` as both a and a.b."""
    names: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            names |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            assert part.level == 0, "imports are absolute"
            names |= {part.module or ""} | {f"{part.module}.{alias.name}" for alias in part.names}
    return names


def pure_part(path: Path) -> list[ast.stmt]:
    """Return what a pure module holds besides its type-checking imports."""
    return [
        node for node in tree_of(path).body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rooms_import_only_whom_they_may(path: Path) -> None:
    room = room_of(path)
    used = {name.split(".")[0] for name in imports_of(tree_of(path))} & (ROOMS | {"tests"})
    assert used <= MAY_IMPORT[room]


def modules_used(path: Path) -> set[str]:
    """Return the project's modules that one imports, within functions and for type checking too."""
    return imports_of(tree_of(path)) & MODULE_NAMES.keys()


@pytest.mark.parametrize("stage", STAGES)
def test_the_top_of_a_stage_holds_its_scripts_and_nothing_else(stage: str) -> None:
    modules = {path for path in MODULES if room_of(path) == stage and path.name != "__init__.py"}
    on_top = {path for path in modules if path.parent == PROJECT_ROOT / stage}
    assert on_top
    assert sorted(map(name_of, on_top - set(SCRIPTS))) == []
    assert sorted(map(name_of, (modules - on_top) & set(SCRIPTS) - SCRIPTS_BELOW)) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_imports_a_script(path: Path) -> None:
    assert {name for name in modules_used(path) if MODULE_NAMES[name] in SCRIPTS} == set()


def test_imports_go_round_in_no_circle() -> None:
    waiting = {name: modules_used(path) for name, path in MODULE_NAMES.items()}
    while free := {name for name, used in waiting.items() if not used & waiting.keys()}:
        waiting = {name: used for name, used in waiting.items() if name not in free}
    assert waiting == {}, "each of these imports one that imports it, directly or through others"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_ingest_fetches_over_http_and_nobody_imports_the_sandbox(path: Path) -> None:
    imports = imports_of(tree_of(path))
    room = room_of(path)
    # They tell others something, or bound what an answer may take; nothing is fetched by them.
    if room != "ingest" and name_of(path) not in ("lib/webhook.py", "lib/http_limits.py"):
        assert not {"requests", "urllib3", "http.client", "urllib.request"} & imports
    if "sandbox" not in path.parts:
        assert not any(name.startswith("operations.sandbox") for name in imports)


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_pure_modules_touch_no_world(path: Path) -> None:
    for node in pure_part(path):
        assert not imports_of(node) & IMPURE_MODULES
        for call in (part for part in ast.walk(node) if isinstance(part, ast.Call)):
            called = ast.unparse(call.func)
            assert called not in {"print", "open", "input", "load_settings"}, called
            assert not re.search(r"\b(now|utcnow|today|time\.time|sleep|getenv)$", called), called


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) in ("analyze", "deliver")], ids=name_of)
def test_analyze_and_deliver_write_nothing_to_the_database(path: Path) -> None:
    texts = [n.value for n in ast.walk(tree_of(path)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    for text in texts:
        assert not re.search(r"\b(INSERT INTO|UPDATE \w+ SET|DELETE FROM|TRUNCATE|CREATE TABLE|ALTER)\b", text)


def test_analyses_read_business_views_only() -> None:
    source = (PROJECT_ROOT / "lib" / "readings.py").read_text(encoding="utf-8")
    tables = set(re.findall(r"\b(?:FROM|JOIN) (\w+)", source))
    assert tables
    assert all(table.startswith("v_") or table == "timestamp" for table in tables), tables


def test_database_is_opened_read_only_by_analyze_and_deliver() -> None:
    calls = [
        call
        for path in MODULES
        if room_of(path) in ("analyze", "deliver")
        for call in ast.walk(tree_of(path))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "db.connect"
    ]
    assert calls
    assert all(any(ast.unparse(keyword) == "readonly=True" for keyword in call.keywords) for call in calls)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_scripts_look_alike(path: Path) -> None:
    tree = tree_of(path)
    docstring = ast.get_docstring(tree) or ""
    for heading in ("Stage:", "Reads:", "Writes:", "Safe to re-run:"):
        assert heading in docstring, heading
    source = path.read_text(encoding="utf-8")
    depth = ".parent" * (len(path.relative_to(PROJECT_ROOT).parts))
    assert f"_PROJECT_ROOT = Path(__file__).resolve(){depth}\n" in source
    assert "sys.path.insert(0, str(_PROJECT_ROOT))" in source
    assert re.search(r"sys\.exit\((cli\.run\(main\)|many_sites\.run\(main, .+\))\)", source)
    (main,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    assert ast.unparse(main.args) == "argv: Sequence[str] | None=None"


def test_no_script_in_the_root_and_none_named_like_the_standard_library() -> None:
    assert not list(PROJECT_ROOT.glob("*.py"))
    assert not [name_of(path) for path in MODULES if path.stem in sys.stdlib_module_names]


def test_only_settings_reads_the_environment() -> None:
    readers = {
        name_of(path)
        for path in MODULES
        if re.search(r"\bos\.(environ|getenv)\b|dotenv", path.read_text(encoding="utf-8"))
    }
    # The embedded server hands the environment on to PostgreSQL's programs; the reference sets the width of help texts.
    assert readers <= {"config/settings.py", "operations/postgres/server.py", "operations/write_reference.py"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_public_function_has_a_docstring_and_types(path: Path) -> None:
    for node in tree_of(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name
        if isinstance(node, ast.FunctionDef):
            assert node.returns is not None, node.name
            assert all(argument.annotation is not None for argument in node.args.args), node.name


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_error_is_passed_over_in_silence(path: Path) -> None:
    for handler in (part for part in ast.walk(tree_of(path)) if isinstance(part, ast.ExceptHandler)):
        assert handler.type is not None
        assert not (len(handler.body) == 1 and isinstance(handler.body[0], ast.Pass))
