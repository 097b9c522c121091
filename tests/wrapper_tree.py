"""A copy of the shell wrappers among stub scripts, which write down how they were called and end as told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lib.paths import PROJECT_ROOT

BARE_PATH = "/usr/bin:/bin"  # what cron gives
INGEST = "ingest/ingest_to_postgres.py"
SETUP = "govern/setup_database.py"
GAPS = "govern/update_gaps.py"
BACKFILL = "ingest/backfill_gaps.py"
REFRESH = "govern/refresh_views.py"
VALIDATE = "govern/validate_data.py"
REPORT = "deliver/generate_weekly_report.py"
RECORD = "govern/record_report.py"
CUSTOMER = "deliver/generate_customer_report.py"
SEND = "deliver/send_report.py"
WEATHER = "ingest/ingest_weather.py"
TELL = "deliver/tell_findings.py"
PORTAL = "deliver/publish_portal.py"
MONTHLY = "deliver/generate_monthly_summary.py"
ALERTS = "operations/send_alerts.py"
HEARTBEAT = "operations/ping_heartbeat.py"
CLAIM = "govern/claim_job.py"
FINISH = "govern/finish_job.py"
MAILING = "govern/note_mailing.py"
SANDBOX = "operations/sandbox/eniscope_sandbox.py"
SERVER = "operations/embedded_postgres.py"
WRAPPERS = sorted(path.name for path in (PROJECT_ROOT / "operations").glob("*.sh") if path.name != "environment.sh")

STUB = """
import json, os, sys, time
from pathlib import Path

root = Path({root!r})
script = Path(__file__).relative_to(root).as_posix()
kept = {{name: value for name, value in os.environ.items() if name == "DATABASE_URL" or "ENISCOPE_" in name}}
with (root / "calls.jsonl").open("a") as calls:
    calls.write(json.dumps([script, sys.argv[1:], kept]) + "\\n")
codes = json.loads(os.environ.get("STUB_CODES", "{{}}"))
"""
STAGE_STUB = (
    STUB
    + """
print("output of", script)
print("warning of", script, file=sys.stderr)
print("2026-01-20T06:00:00Z INFO detail of", script, file=sys.stderr)
if script == os.environ.get("STUB_SLEEPS"):
    time.sleep(60)
site = sys.argv[sys.argv.index("--site") + 1] if "--site" in sys.argv else ""
code = codes.get(f"{{script}} {{site}}", codes.get(script, 0))
if code == 3:
    print(f"2026-01-20T06:00:05Z ERROR no report for site {{site}}: told by {{script}}; do this", file=sys.stderr)
sys.exit(code)
"""
)
SANDBOX_STUB = (
    STUB
    + """
(root / "sandbox.pid").write_text(str(os.getpid()))
if script in codes:
    sys.exit("sandbox: no port left")
Path(sys.argv[sys.argv.index("--url-file") + 1]).write_text("http://127.0.0.1:4711\\n")
time.sleep(60)
"""
)
SERVER_STUB = (
    STUB
    + """
if sys.argv[1] == "start":
    print("postgresql:///" + sys.argv[sys.argv.index("--database") + 1])
sys.exit(codes.get(script, 1) if sys.argv[1] == "status" else 0)
"""
)
SETTINGS_STUB = (
    STUB
    + """
wanted = {{"database": "DATABASE_URL", "credentials": "VITE_ENISCOPE_API_KEY"}}
if sys.argv[1:] == []:
    sys.exit(codes.get(script, 0))
sys.exit(codes.get(sys.argv[2], 0 if wanted[sys.argv[2]] in kept else 1))
"""
)
# What is due stands in the file jobs, a line a job, and is given out once; without the file there is no database.
CLAIM_STUB = (
    STUB
    + """
jobs = root / "jobs"
first, *others = jobs.read_text().splitlines() if jobs.exists() else sys.exit("no database")
jobs.write_text("".join(line + "\\n" for line in others) or "\\n")
print(first)
"""
)
LIST_STUB = """
import os, sys, time

if "STUB_LIST_HANGS" in os.environ:
    time.sleep(60)
if "STUB_SITES" not in os.environ:
    sys.exit("no database")
print(*os.environ["STUB_SITES"].split(), sep="\\n")
"""
TOOL_STUB = (
    STUB
    + """
print(json.dumps(sorted(os.environ)))
sys.exit(codes.get(" ".join([script, *sys.argv[1:2]]), codes.get(script, 0)))
"""
)
TOOLS = ("ruff.py", "mypy.py", "pytest.py")  # run as modules, and found in the present folder first
LISTS = ("requirements", "requirements-dev")


Call = tuple[str, list[str], dict[str, str]]  # script, arguments, and the settings it was given


@dataclass(frozen=True)
class Tree:
    """A copy of the wrappers among stubs."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BARE_PATH, "STUB_SITES": "23271"})

    def command(self, wrapper: str, *args: str) -> list[str]:
        return ["bash", str(self.root / wrapper), *args]

    def run(
        self, wrapper: str, *args: str, codes: dict[str, int] | None = None, cwd: Path | str = "/", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(wrapper, *args),
            env=self.environment | {"STUB_CODES": json.dumps(codes or {})} | environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, wrapper: str, *args: str, **environment: str) -> subprocess.Popen[bytes]:
        # A session of its own, so that a signal can go to its whole group, as Ctrl-C does.
        return subprocess.Popen(
            self.command(wrapper, *args),
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def calls(self) -> list[Call]:
        path = self.root / "calls.jsonl"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def commands(self) -> list[str]:
        return [" ".join([script, *args]) for script, args, _ in self.calls]

    def log(self, name: str) -> list[str]:
        return (self.root / "logs" / f"{name}.log").read_text().splitlines()

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return make_tree(tmp_path / "the project's Zähler 5%")


def make_tree(root: Path) -> Tree:
    """Return a tree at `root`, a path that does not exist yet."""
    tree = Tree(root)
    (tree.root / "operations").mkdir(parents=True)
    for wrapper in (PROJECT_ROOT / "operations").glob("*.sh"):
        shutil.copy(wrapper, tree.root / "operations")
    shutil.copytree(PROJECT_ROOT / ".ci", tree.root / ".ci")
    shutil.copytree(PROJECT_ROOT / "lib", tree.root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in LISTS:
        tree.write(f"{name}.txt", "# nothing\n")
    for script in (
        INGEST,
        GAPS,
        BACKFILL,
        SETUP,
        REFRESH,
        VALIDATE,
        WEATHER,
        TELL,
        PORTAL,
        MONTHLY,
        REPORT,
        RECORD,
        CUSTOMER,
        SEND,
        ALERTS,
        HEARTBEAT,
        FINISH,
        MAILING,
    ):
        tree.write(script, STAGE_STUB.format(root=str(tree.root)))
    tree.write(CLAIM, CLAIM_STUB.format(root=str(tree.root)))
    tree.write(SANDBOX, SANDBOX_STUB.format(root=str(tree.root)))
    tree.write(SERVER, SERVER_STUB.format(root=str(tree.root)))
    tree.write("operations/list_sites.py", LIST_STUB)
    tree.write("operations/show_settings.py", SETTINGS_STUB.format(root=str(tree.root)))
    for tool in TOOLS:
        tree.write(tool, TOOL_STUB.format(root=str(tree.root)))
    # A virtual environment that is up to date, without the seconds that a real one takes.
    (tree.root / ".venv" / "bin").mkdir(parents=True)
    (tree.root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    stamp_venv(tree.root)
    return tree


def stamp_venv(root: Path) -> None:
    """Let the wrappers of `root` take its .venv for one that is up to date."""
    stamping = '. "$1/operations/environment.sh"; shift; for list in "$@"; do write_stamp "$list"; done'
    lists = [name for name in LISTS if (root / f"{name}.txt").exists()]
    subprocess.run(["bash", "-c", stamping, "bash", str(root), *lists], check=True)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain until {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self").exists()


FAKE_CRONTAB = """#!/bin/sh
tab="{folder}/tab"
case "$1" in
  -l)
    [ ! -f "{folder}/refuse" ] || { echo "you are not allowed to use this program" >&2; exit 1; }
    [ -f "$tab" ] || { echo "no crontab for tester" >&2; exit 1; }
    cat "$tab"
    ;;
  -r) rm "$tab" ;;
  *) cp "$1" "$tab" ;;
esac
"""


@pytest.fixture
def fake_crontab(tmp_path: Path) -> Path:
    folder = tmp_path / "cron"
    folder.mkdir()
    program = folder / "crontab"
    program.write_text(FAKE_CRONTAB.replace("{folder}", str(folder)))
    program.chmod(0o755)
    return program


def python_on_path(folder: Path, body: str) -> str:
    """Put a python3 with this body into a folder that holds nothing else but the usual tools."""
    folder.mkdir()
    for tool in ("awk", "basename", "bash", "cat", "dirname", "grep", "mkdir", "rm"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    (folder / "python3").write_text(f"#!/bin/sh\n{body}\n")
    (folder / "python3").chmod(0o755)
    return str(folder)
