"""Write what comes from the code: the page of commands, schemas, the example of a site's file.

Stage: operations
Reads: the help texts of all scripts, the model of a site's file, the types of the reports
Writes: docs/reference/commands.md, config/sites/example.toml, config/sites/site.schema.json,
        deliver/schemas/*.schema.json
Safe to re-run: yes; the files are replaced whole
"""

from __future__ import annotations

import io
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.errors import EXIT_DONE, PipelineError
from lib.logs import setup_logging
from lib.paths import PROJECT_ROOT, SCHEMAS_DIR, SITES_DIR, write_atomically
from operations.reference.report_schemas import render_report_schemas
from operations.reference.site_example import render_example, render_schema

REFERENCE_DIR = PROJECT_ROOT / "docs" / "reference"
ROOMS = {
    "ingest": "from the service, or from files, into the database",
    "govern": "the database itself, and what may leave it",
    "analyze": "one question each; they only read",
    "deliver": "reports, pages, exports, mail",
    "operations": "chains, schedules, monitoring, and trying things out",
}
_MADE_ANEW = "<!-- Generated; do not edit. To make this page anew: python operations/write_reference.py -->"
_COMMANDS_INTRO = f"""# Commands

{_MADE_ANEW}

Scripts run in place, from any folder: `python ingest/ingest_to_postgres.py …` with `.venv` active, or
`bash operations/with_venv.sh ingest/ingest_to_postgres.py …` without. Exit codes are the same everywhere: 0 done,
1 failed, 2 bad arguments, 3 held back by the circuit breaker (or a check that found something).
"""
_PYTHON_MARK, _SHELL_SKIPPED = 'if __name__ == "__main__":', ("environment.sh", "run_tests.sh")
_ENVIRONMENT = {"COLUMNS": "100", "NO_COLOR": "1"}


def list_commands(room: str) -> list[Path]:
    """Return the runnable scripts of a room, then its wrappers, by name."""
    folder = PROJECT_ROOT / room
    scripts = [path for path in sorted(folder.rglob("*.py")) if _PYTHON_MARK in path.read_text(encoding="utf-8")]
    return scripts + [path for path in sorted(folder.glob("*.sh")) if path.name not in _SHELL_SKIPPED]


def read_help(path: Path, *arguments: str) -> str:
    """Return what a script says to ``--help``, given after other arguments, at a width of 100 characters.

    Raises
    ------
    PipelineError
        When it does not understand the option.
    """
    run = _run_here if path.suffix == ".py" else _run_by_bash
    code, said, errors = run(path, [*arguments, "--help"])
    if code != EXIT_DONE:
        raise PipelineError(f"{path} does not answer --help: {errors.strip()[-200:]}; mend it")
    return "\n".join(line.rstrip() for line in said.strip().splitlines())


def _run_here(path: Path, arguments: list[str]) -> tuple[object, str, str]:
    """Run a script in this process: sixty of their own would each import the same again."""
    said, errors = io.StringIO(), io.StringIO()
    code: object = EXIT_DONE
    before = sys.argv, dict(os.environ)
    try:
        sys.argv = [str(path), *arguments]
        os.environ.update(_ENVIRONMENT)
        with redirect_stdout(said), redirect_stderr(errors):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.argv, environment = before
        os.environ.clear()
        os.environ.update(environment)
    return code or EXIT_DONE, said.getvalue(), errors.getvalue()


def _run_by_bash(path: Path, arguments: list[str]) -> tuple[object, str, str]:
    command = ["bash", str(path), *arguments]
    done = subprocess.run(command, env={**os.environ, **_ENVIRONMENT}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def render_commands() -> str:
    """Return the page of commands."""
    rooms = {room: list_commands(room) for room in ROOMS}
    parts = [_COMMANDS_INTRO]
    for room, paths in rooms.items():
        parts.append(f"## {room}: {ROOMS[room]}\n")
        for path in paths:
            parts.append(f"### {path.relative_to(PROJECT_ROOT).as_posix()}\n\n```text\n{read_help(path)}\n```\n")
    return "\n".join(parts)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the files."""
    args = cli.script_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)
    files = {
        SITES_DIR / "example.toml": render_example(),
        SITES_DIR / "site.schema.json": render_schema(),
        REFERENCE_DIR / "commands.md": render_commands(),
        **{SCHEMAS_DIR / f"{name}.schema.json": text for name, text in render_report_schemas().items()},
    }
    for path, text in files.items():
        write_atomically(path, text)
        print(path.relative_to(PROJECT_ROOT).as_posix())
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
