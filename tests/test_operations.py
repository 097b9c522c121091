"""The shell wrappers chain the stages in the right order, pass exit codes on, and clear up after themselves.

Most tests run a copy of the wrappers among stub scripts, which write down how they were called and end as told.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config.settings import Settings
from lib.date_utils import last_complete_week
from lib.errors import UsageError
from lib.paths import PROJECT_ROOT
from operations import show_settings
from operations.show_settings import has_credentials, render_settings

BARE_PATH = "/usr/bin:/bin"  # what cron gives
INGEST = "ingest/ingest_to_postgres.py"
SETUP = "govern/setup_database.py"
REFRESH = "govern/refresh_views.py"
VALIDATE = "govern/validate_data.py"
REPORT = "deliver/generate_weekly_report.py"
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
sys.exit(codes.get(f"{{script}} {{site}}", codes.get(script, 0)))
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
PYTEST_STUB = (
    STUB
    + """
print(json.dumps(sorted(os.environ)))
sys.exit(codes.get("pytest", 0))
"""
)


@dataclass(frozen=True)
class Tree:
    """A copy of the wrappers among stubs."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": BARE_PATH})

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
    def calls(self) -> list[tuple[str, list[str], dict[str, str]]]:
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
    tree = Tree(tmp_path / "the project's Zähler 5%")
    (tree.root / "operations").mkdir(parents=True)
    for wrapper in (PROJECT_ROOT / "operations").glob("*.sh"):
        shutil.copy(wrapper, tree.root / "operations")
    shutil.copytree(PROJECT_ROOT / ".ci", tree.root / ".ci")
    shutil.copytree(PROJECT_ROOT / "lib", tree.root / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    tree.write("requirements.txt", "# nothing\n")
    for script in (INGEST, SETUP, REFRESH, VALIDATE, REPORT):
        tree.write(script, STAGE_STUB.format(root=str(tree.root)))
    tree.write(SANDBOX, SANDBOX_STUB.format(root=str(tree.root)))
    tree.write(SERVER, SERVER_STUB.format(root=str(tree.root)))
    tree.write("operations/show_settings.py", SETTINGS_STUB.format(root=str(tree.root)))
    tree.write("pytest.py", PYTEST_STUB.format(root=str(tree.root)))
    # A virtual environment that is up to date, without the seconds that a real one takes.
    (tree.root / ".venv" / "bin").mkdir(parents=True)
    (tree.root / ".venv" / "bin" / "python").symlink_to(sys.executable)
    stamping = '. "$1/operations/environment.sh" && requirements_stamp "$VENV_PYTHON" >"$STAMP_FILE"'
    subprocess.run(["bash", "-c", stamping, "bash", str(tree.root)], check=True)
    return tree


def wait_until(condition: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + 20
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


# --- Every wrapper ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapper", sorted(set(WRAPPERS) - {"run_tests.sh"}))  # which passes --help on to pytest
def test_help_is_shown_and_runs_nothing(tree: Tree, wrapper: str) -> None:
    shown = tree.run(f"operations/{wrapper}", "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"bash operations/{wrapper}" in shown.stdout
    assert "shellcheck" not in shown.stdout
    assert tree.calls == []


@pytest.mark.parametrize(
    "command",
    [
        ["daily_sync.sh", "--site"],
        ["daily_sync.sh", "--days", "0"],
        ["daily_sync.sh", "--site", "7;id"],
        ["daily_sync.sh", "--dayz", "1"],
        ["weekly_report.sh", "--site", "-1"],
        ["weekly_report.sh", "extra"],
        ["quickstart.sh", "--days", "many"],
        ["setup_cron.sh", "--time", "25:00", "--yes"],
        ["setup_cron.sh", "--weekly-time", "7:00", "--yes"],
        ["show_logs.sh", "--all"],
        ["with_venv.sh"],
        ["with_venv.sh", "no/such_script.py"],
    ],
)
def test_bad_arguments_end_with_2_and_run_nothing(tree: Tree, command: list[str], fake_crontab: Path) -> None:
    refused = tree.run(f"operations/{command[0]}", *command[1:], PATH=f"{fake_crontab.parent}:{BARE_PATH}")
    assert refused.returncode == 2, refused.stderr
    assert tree.calls == []
    assert not fake_crontab.with_name("tab").exists()


# --- daily_sync.sh ----------------------------------------------------------------------------------------------------


def test_daily_sync_ingests_then_refreshes_then_validates(tree: Tree) -> None:
    done = tree.run("operations/daily_sync.sh")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert tree.commands == [f"{INGEST} --site 23271 --days 2", REFRESH, f"{VALIDATE} --site 23271"]
    log = tree.log("daily_sync")
    for script, args, _ in tree.calls:
        start = next(i for i, line in enumerate(log) if line.endswith(f"Z start: {' '.join([script, *args])}"))
        said = ["2026-01-20T06:00:00Z INFO detail of " + script, f"output of {script}", f"warning of {script}"]
        assert sorted(log[start + 1 : start + 4]) == said
        assert log[start + 4].endswith(f"Z exit 0: {' '.join([script, *args])}")
    stamp = datetime.strptime(log[0].split()[0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
    tree.run("operations/daily_sync.sh")
    assert len(tree.log("daily_sync")) == 2 * len(log), "the log is appended to"


def test_daily_sync_takes_several_sites(tree: Tree) -> None:
    tree.run("operations/daily_sync.sh", "--site", "1", "--days", "5", "--site", "22")
    assert tree.commands == [
        f"{INGEST} --site 1 --days 5",
        f"{INGEST} --site 22 --days 5",
        REFRESH,
        f"{VALIDATE} --site 1",
        f"{VALIDATE} --site 22",
    ]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({INGEST: 1}, 1),
        ({VALIDATE: 3}, 3),
        ({INGEST: 1, VALIDATE: 3}, 1),
        ({REFRESH: 2, VALIDATE: 3}, 2),
        ({INGEST: 2, REFRESH: 1}, 1),
        ({INGEST: 139}, 1),
        ({f"{VALIDATE} 1": 3, f"{VALIDATE} 22": 0}, 3),
    ],
)
def test_daily_sync_runs_every_step_and_ends_with_the_worst_code(
    tree: Tree, codes: dict[str, int], expected: int
) -> None:
    ended = tree.run("operations/daily_sync.sh", "--site", "1", "--site", "22", codes=codes)
    assert ended.returncode == expected
    assert len(tree.calls) == 5
    log = tree.log("daily_sync")
    assert log[-1].endswith(f"daily_sync ended with exit code {expected}")
    assert any("exit 3 (circuit breaker open)" in line for line in log) is (3 in codes.values())
    assert ended.stderr.startswith(f"daily_sync ended with exit code {expected}; see "), "what cron mails"


def test_daily_sync_leaves_while_another_runs(tree: Tree) -> None:
    lock = tree.root / "logs" / ".daily_sync.lock"
    lock.parent.mkdir()
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        refused = tree.run("operations/daily_sync.sh")
    assert refused.returncode == 1
    assert "another daily_sync is running" in refused.stderr
    assert tree.calls == []
    assert tree.run("operations/daily_sync.sh").returncode == 0


def test_lock_does_not_outlive_a_killed_sync(tree: Tree) -> None:
    sync = tree.start("operations/daily_sync.sh", STUB_SLEEPS=INGEST)
    wait_until(lambda: bool(tree.calls), "the sync ingests")
    assert tree.run("operations/daily_sync.sh").returncode == 1
    os.killpg(sync.pid, signal.SIGKILL)
    sync.wait()
    assert tree.run("operations/daily_sync.sh").returncode == 0


def test_log_goes_to_a_terminal_too(tree: Tree) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as terminal:
        subprocess.run(
            tree.command("operations/daily_sync.sh"), env=tree.environment, stdout=slave, check=True, timeout=60
        )
        os.close(slave)
        shown = terminal.read(65536).decode()
    assert f"output of {INGEST}" in shown


# --- weekly_report.sh -------------------------------------------------------------------------------------------------


def test_weekly_report_refreshes_then_validates_then_reports(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh").returncode == 0
    assert tree.commands == [REFRESH, f"{VALIDATE} --site 23271", f"{REPORT} --site 23271"]
    assert tree.log("weekly_report")[-1].endswith("weekly_report ended with exit code 0")


def test_open_breaker_blocks_the_report_of_its_site_only(tree: Tree) -> None:
    ended = tree.run("operations/weekly_report.sh", "--site", "1", "--site", "2", codes={f"{VALIDATE} 1": 3})
    assert ended.returncode == 3
    assert tree.commands == [REFRESH, f"{VALIDATE} --site 1", f"{VALIDATE} --site 2", f"{REPORT} --site 2"]
    assert any(
        line.endswith("site 1: circuit breaker open, the weekly report is blocked")
        for line in tree.log("weekly_report")
    )


def test_no_report_is_made_from_views_that_could_not_be_refreshed(tree: Tree) -> None:
    assert tree.run("operations/weekly_report.sh", codes={REFRESH: 1}).returncode == 1
    assert tree.commands == [REFRESH]


# --- quickstart.sh ----------------------------------------------------------------------------------------------------

CREDENTIALS = {"VITE_ENISCOPE_API_KEY": "key"}


def stage_commands(tree: Tree) -> list[str]:
    return [command for command in tree.commands if not command.startswith("operations/")]


def sandbox_is_gone(tree: Tree) -> bool:
    return not is_alive(int((tree.root / "sandbox.pid").read_text()))


def test_quickstart_without_settings_uses_sandbox_and_embedded_server_and_clears_up(tree: Tree) -> None:
    done = tree.run("operations/quickstart.sh")
    assert done.returncode == 0, done.stderr
    assert stage_commands(tree) == [
        SETUP,
        f"{INGEST} --site 23271 --days 90",
        REFRESH,
        f"{VALIDATE} --site 23271",
        f"{REPORT} --site 23271 --html --pdf",
    ]
    for script, _, environment in tree.calls:
        if script == INGEST:
            assert environment == {
                "DATABASE_URL": "postgresql:///energy_sandbox",
                "ENISCOPE_REQUESTS_PER_SECOND": "0",
                "VITE_ENISCOPE_API_KEY": "sandbox-key",
                "VITE_ENISCOPE_API_URL": "http://127.0.0.1:4711",
                "VITE_ENISCOPE_EMAIL": "sandbox@example.com",
                "VITE_ENISCOPE_PASSWORD": "sandbox-password",
            }
    assert tree.commands[-1] == f"{SERVER} stop"
    assert sandbox_is_gone(tree)
    assert "invented" in done.stdout
    assert f"output of {INGEST}" in done.stdout
    assert f"warning of {INGEST}" in done.stderr
    assert "INFO" not in done.stderr
    assert f"INFO detail of {INGEST}" in (tree.root / "logs" / "quickstart.log").read_text()
    assert f"{SERVER} start --database energy_sandbox" in done.stdout


def test_sandbox_keeps_the_weeks_planted_before(tree: Tree) -> None:
    monday = last_complete_week(datetime.now(UTC), ZoneInfo("America/New_York"))[0].isoformat()
    tree.write("data/sandbox/planted_weeks", "2026-01-05\n")
    for _ in range(2):
        assert tree.run("operations/quickstart.sh").returncode == 0
    weeks = [args[4:] for script, args, _ in tree.calls if script == SANDBOX]
    assert weeks == [["--planted-week", "2026-01-05", "--planted-week", monday]] * 2
    assert (tree.root / "data/sandbox/planted_weeks").read_text() == f"2026-01-05\n{monday}\n"


def test_quickstart_with_credentials_and_database_starts_neither(tree: Tree) -> None:
    done = tree.run("operations/quickstart.sh", "--site", "7", "--days", "3", DATABASE_URL="mine", **CREDENTIALS)
    assert done.returncode == 0, done.stderr
    assert stage_commands(tree)[1] == f"{INGEST} --site 7 --days 3"
    assert not any(script in (SANDBOX, SERVER) for script, _, _ in tree.calls)
    ingest = next(environment for script, _, environment in tree.calls if script == INGEST)
    assert ingest == {"DATABASE_URL": "mine", **CREDENTIALS}
    assert "invented" not in done.stdout
    assert f"INFO detail of {INGEST}" in done.stderr


def test_embedded_server_keeps_real_and_invented_readings_apart(tree: Tree) -> None:
    tree.run("operations/quickstart.sh", **CREDENTIALS)
    tree.run("operations/quickstart.sh")
    tree.run("operations/quickstart.sh", DATABASE_URL="mine")
    urls = [environment["DATABASE_URL"] for script, _, environment in tree.calls if script == INGEST]
    assert urls == ["postgresql:///energy", "postgresql:///energy_sandbox", "mine"]


def test_incomplete_credentials_do_not_lead_to_the_sandbox(tree: Tree) -> None:
    done = tree.run("operations/quickstart.sh", codes={"credentials": 2})
    assert done.returncode == 2
    assert "the Eniscope credentials are incomplete" in done.stderr
    assert stage_commands(tree) == []


def test_server_that_ran_before_is_left_running(tree: Tree) -> None:
    assert tree.run("operations/quickstart.sh", codes={SERVER: 0}).returncode == 0
    assert f"{SERVER} stop" not in tree.commands


@pytest.mark.parametrize(
    ("failing", "code"), [(SETUP, 1), (INGEST, 2), (INGEST, 1), (REFRESH, 1), (VALIDATE, 3), (VALIDATE, 1), (REPORT, 3)]
)
def test_quickstart_stops_at_the_step_that_fails_and_clears_up(tree: Tree, failing: str, code: int) -> None:
    ended = tree.run("operations/quickstart.sh", codes={failing: code})
    assert ended.returncode == code
    assert stage_commands(tree)[-1].startswith(failing)
    assert ("circuit breaker open" in ended.stderr) is (code == 3)
    assert tree.commands[-1] == f"{SERVER} stop"
    assert sandbox_is_gone(tree)


def test_quickstart_stops_when_the_settings_cannot_be_read(tree: Tree) -> None:
    assert tree.run("operations/quickstart.sh", codes={"operations/show_settings.py": 1}).returncode == 1
    assert tree.commands == ["operations/show_settings.py"]


def test_sandbox_that_does_not_start_is_told_with_its_last_words(tree: Tree) -> None:
    ended = tree.run("operations/quickstart.sh", codes={SANDBOX: 1})
    assert ended.returncode == 1
    assert "sandbox: no port left" in ended.stderr
    assert stage_commands(tree) == []
    assert tree.commands[-1] == f"{SERVER} stop"


def test_ctrl_c_clears_up_too(tree: Tree) -> None:
    quickstart = tree.start("operations/quickstart.sh", STUB_SLEEPS=INGEST)
    wait_until(lambda: any(script == INGEST for script, _, _ in tree.calls), "the quickstart ingests")
    second = tree.run("operations/quickstart.sh")
    assert second.returncode == 1
    assert "another quickstart is running" in second.stderr
    os.killpg(quickstart.pid, signal.SIGINT)
    assert quickstart.wait(timeout=20) != 0
    assert tree.commands[-1] == f"{SERVER} stop"
    assert sandbox_is_gone(tree)


# --- Python and the virtual environment -------------------------------------------------------------------------------


def test_with_venv_runs_a_script_from_any_folder(tree: Tree, tmp_path: Path) -> None:
    code = "import json, os, sys; print(json.dumps([os.getcwd(), sys.argv[1:]])); sys.exit(3)"
    tree.write("analyze/show.py", code)
    ended = tree.run("operations/with_venv.sh", "analyze/show.py", "--out", "a b*", "", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (3, "")
    assert json.loads(ended.stdout) == [str(tmp_path), ["--out", "a b*", ""]]


def python_on_path(folder: Path, body: str) -> str:
    """Put a python3 with this body into a folder that holds nothing else but the usual tools."""
    folder.mkdir()
    for tool in ("awk", "basename", "bash", "cat", "dirname", "grep", "mkdir", "rm"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    (folder / "python3").write_text(f"#!/bin/sh\n{body}\n")
    (folder / "python3").chmod(0o755)
    return str(folder)


def test_with_venv_does_without_a_virtual_environment(tree: Tree, tmp_path: Path) -> None:
    shutil.rmtree(tree.root / ".venv")
    path = python_on_path(tmp_path / "with", f'exec "{sys.executable}" "$@"')
    assert tree.run("operations/with_venv.sh", REFRESH, PATH=path).returncode == 0
    assert tree.commands == [REFRESH]
    path = python_on_path(tmp_path / "without", f'exec "{sys.executable}" -S -I "$@"')
    refused = tree.run("operations/with_venv.sh", REFRESH, PATH=path)
    assert refused.returncode == 1
    assert "operations/quickstart.sh" in refused.stderr


def test_too_old_a_python_is_told_with_what_to_install(tree: Tree, tmp_path: Path) -> None:
    shutil.rmtree(tree.root / ".venv")
    path = python_on_path(tmp_path / "bin", "exit 1")
    refused = tree.run("operations/daily_sync.sh", PATH=path)
    assert refused.returncode == 1
    log = "\n".join(tree.log("daily_sync"))
    assert "apt-get install python3 python3-venv" in log
    assert "Python 3.11 or newer" in log


@pytest.mark.slow
def test_virtual_environment_is_made_once_and_follows_requirements(tree: Tree) -> None:
    def ensure() -> tuple[int, str, str]:
        script = '. "$1/operations/environment.sh" && ensure_venv && "$PYTHON" -c "import sys; print(sys.prefix)"'
        done = subprocess.run(
            ["bash", "-c", script, "bash", str(tree.root)],
            env=tree.environment | {"PYTHON": sys.executable},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.returncode, done.stdout, done.stderr

    venv = tree.root / ".venv"
    shutil.rmtree(venv)
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/nonexistent/python")  # as when the Python it was made with is gone
    both = [
        subprocess.Popen(
            ["bash", "-c", '. "$1/operations/environment.sh" && ensure_venv', "bash", str(tree.root)],
            env=tree.environment | {"PYTHON": sys.executable},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    output = "".join(process.communicate(timeout=120)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert output.count("Making the virtual environment") == output.count("Installing") == 1
    assert ensure() == (0, f"{venv}\n", "")

    tree.write("requirements.txt", "# changed\n")
    assert ensure()[1].startswith("Installing")
    assert ensure() == (0, f"{venv}\n", "")

    tree.write("requirements.txt", "not a requirement\n")
    for _ in range(2):
        code, _, errors = ensure()
        assert code == 1
        assert "not a requirement" in errors
        assert "pip could not install requirements.txt" in errors


@pytest.mark.parametrize("runner", ["operations/run_tests.sh", ".ci/run"])
def test_run_tests_keeps_settings_out_and_passes_arguments_and_code_on(tree: Tree, runner: str) -> None:
    settings = {"DATABASE_URL": "x", "VITE_ENISCOPE_EMAIL": "x", "ENISCOPE_PASSWORD": "x", "PGHOST": "x"}
    ended = tree.run(runner, "-m", "not slow", codes={"pytest": 5}, CI="true", **settings)
    assert ended.returncode == 5, ended.stderr
    assert tree.calls == [("pytest.py", ["-m", "not slow"], {})]
    assert {*settings, "CI"} & set(json.loads(ended.stdout)) == {"CI"}


# --- setup_cron.sh ----------------------------------------------------------------------------------------------------

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


FOREIGN = "MAILTO=me\n\n# 100% mine\n*/5 * * * * /usr/bin/true \\% 'x'\n\n\n"


def setup_cron(tree: Tree, fake_crontab: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return tree.run("operations/setup_cron.sh", *args, PATH=f"{fake_crontab.parent}:{BARE_PATH}")


def test_cron_entries_are_installed_once_and_removed_without_a_trace(tree: Tree, fake_crontab: Path) -> None:
    tab = fake_crontab.with_name("tab")
    tab.write_text(FOREIGN)
    assert setup_cron(tree, fake_crontab, "--yes").returncode == 0
    assert setup_cron(tree, fake_crontab, "--yes", "--time", "05:09", "--weekly-time", "18:30").returncode == 0
    ours = tab.read_text().removeprefix(FOREIGN).splitlines()
    assert tab.read_text().startswith(FOREIGN)
    folder = str(tree.root).replace("'", "'\\''").replace("%", "\\%")
    assert ours[1:3] == [
        f"9 5 * * * /bin/bash '{folder}/operations/daily_sync.sh'",
        f"30 18 * * 1 /bin/bash '{folder}/operations/weekly_report.sh'",
    ]
    assert ours[0].startswith("# BEGIN ")
    assert ours[3].startswith("# END ")
    assert len(ours) == 4
    assert setup_cron(tree, fake_crontab, "--show").stdout.splitlines() == ours
    for _ in range(2):
        assert setup_cron(tree, fake_crontab, "--remove").returncode == 0
        assert tab.read_text() == FOREIGN


def test_cron_line_runs_the_sync_as_cron_would(tree: Tree, fake_crontab: Path) -> None:
    setup_cron(tree, fake_crontab, "--yes")
    line = next(line for line in fake_crontab.with_name("tab").read_text().splitlines() if "daily_sync" in line)
    command = line.split(maxsplit=5)[5].replace("\\%", "%")
    assert subprocess.run(["/bin/sh", "-c", command], env={"PATH": BARE_PATH}, cwd="/").returncode == 0
    assert tree.commands == [f"{INGEST} --site 23271 --days 2", REFRESH, f"{VALIDATE} --site 23271"]


def test_user_without_a_crontab_has_none_again_after_removal(tree: Tree, fake_crontab: Path) -> None:
    assert setup_cron(tree, fake_crontab, "--yes").returncode == 0
    assert setup_cron(tree, fake_crontab, "--remove").returncode == 0
    assert not fake_crontab.with_name("tab").exists()


def test_crontab_that_cannot_be_understood_is_left_alone(tree: Tree, fake_crontab: Path) -> None:
    tab = fake_crontab.with_name("tab")
    setup_cron(tree, fake_crontab, "--yes")
    damaged = "".join(line for line in tab.read_text().splitlines(True) if "# END" not in line) + FOREIGN
    tab.write_text(damaged)
    for action in (["--yes"], ["--remove"]):
        refused = setup_cron(tree, fake_crontab, *action)
        assert refused.returncode == 1
        assert "without its END line" in refused.stderr
    fake_crontab.with_name("refuse").touch()
    refused = setup_cron(tree, fake_crontab, "--yes")
    assert refused.returncode == 1
    assert "not allowed" in refused.stderr
    assert tab.read_text() == damaged


def test_without_terminal_or_crontab_nothing_is_installed(tree: Tree, fake_crontab: Path) -> None:
    refused = setup_cron(tree, fake_crontab)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert not fake_crontab.with_name("tab").exists()
    path = python_on_path(tree.root / "bin", "exit 1")
    for tool in ("mktemp", "sed"):
        (Path(path) / tool).symlink_to(str(shutil.which(tool)))
    refused = tree.run("operations/setup_cron.sh", "--yes", PATH=path)
    assert refused.returncode == 1
    assert "there is no crontab here" in refused.stderr


@pytest.mark.parametrize(("answers", "is_installed"), [("07:05\n\ny\n", True), ("\n\nn\n", False)])
def test_on_a_terminal_it_asks(tree: Tree, fake_crontab: Path, answers: str, is_installed: bool) -> None:
    master, slave = pty.openpty()
    with os.fdopen(master, "wb", buffering=0) as terminal:
        terminal.write(answers.encode())
        asked = subprocess.run(
            tree.command("operations/setup_cron.sh"),
            env={"PATH": f"{fake_crontab.parent}:{BARE_PATH}"},
            stdin=slave,
            capture_output=True,
            text=True,
            timeout=60,
        )
        os.close(slave)
    assert asked.returncode == 0, asked.stderr
    tab = fake_crontab.with_name("tab")
    assert tab.exists() is is_installed
    assert not is_installed or "\n5 7 * * * " in tab.read_text()


# --- show_settings.py -------------------------------------------------------------------------------------------------


def test_settings_are_shown_without_the_secrets() -> None:
    settings = Settings(database_url="postgresql://me:pw-in-url@host/db", api_key="the-key", api_email="me@example.com")
    text = "\n".join(render_settings(settings))
    assert "me@example.com" in text
    assert "the-key" not in text
    assert "pw-in-url" not in text
    shown = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert (shown["api_key"], shown["api_password"]) == ("(set, not shown)", "(not set)")


def test_half_the_credentials_are_refused_and_the_missing_ones_named() -> None:
    assert has_credentials(Settings(api_key="k", api_email="e", api_password="p"))
    assert not has_credentials(Settings())
    with pytest.raises(UsageError, match="not VITE_ENISCOPE_PASSWORD; set all, or none"):
        has_credentials(Settings(api_key="k", api_email="e"))


def test_shell_gets_its_answer_by_exit_code(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def answers(settings: Settings) -> list[int]:
        monkeypatch.setattr(show_settings, "load_settings", lambda: settings)
        return [show_settings.main(["--has", what]) for what in ("database", "credentials")]

    assert answers(Settings()) == [1, 1]
    assert answers(Settings(database_url="postgresql:///energy")) == [0, 1]
    assert answers(Settings(api_key="k", api_email="e", api_password="p")) == [1, 0]
    assert capfd.readouterr() == ("", "")


# --- show_logs.sh and package.json ------------------------------------------------------------------------------------


def test_logs_are_shown_or_said_to_be_absent(tree: Tree) -> None:
    absent = tree.run("operations/show_logs.sh")
    assert (absent.returncode, absent.stderr) == (0, "")
    assert "no log yet" in absent.stdout
    tree.write("logs/daily_sync.log", "".join(f"line {number}\n" for number in range(100)))
    shown = tree.run("operations/show_logs.sh").stdout.splitlines()
    assert shown == [f"line {number}" for number in range(50, 100)]


ALIASES: dict[str, str] = json.loads((PROJECT_ROOT / "package.json").read_text())["scripts"]


def test_package_json_has_the_promised_aliases_and_no_dependencies() -> None:
    package = json.loads((PROJECT_ROOT / "package.json").read_text())
    assert package["private"] is True
    assert not [key for key in package if "ependencies" in key]
    assert set(ALIASES) >= {
        *("quickstart", "test", "py:ingest", "py:ingest:full", "py:report", "py:report:custom"),
        *("py:sync", "py:setup-cron", "py:logs", "db:test-neon", "db:check"),
    }


@pytest.mark.parametrize("alias", sorted(set(ALIASES) - {"test"}))
def test_alias_names_a_command_that_understands_its_arguments(alias: str) -> None:
    bash, wrapper, *args = ALIASES[alias].split()
    assert bash == "bash"
    command = [bash, str(PROJECT_ROOT / wrapper), *args, "--help"]
    if wrapper == "operations/with_venv.sh":
        command = [sys.executable, str(PROJECT_ROOT / args[0]), *args[1:], "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60)
    assert shown.returncode == 0, shown.stderr


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_runs_an_alias_from_a_subfolder(tree: Tree) -> None:
    shutil.copy(PROJECT_ROOT / "package.json", tree.root)
    command = ["npm", "run", "--silent", "py:report:custom", "--", "--site", "7", "--start", "2026-01-19"]
    environment = {"PATH": f"{Path(str(shutil.which('npm'))).parent}:{BARE_PATH}", "HOME": str(tree.root)}
    subprocess.run(command, cwd=tree.root / "govern", env=environment, check=True, capture_output=True, timeout=60)
    assert tree.commands == [f"{REPORT} --site 7 --start 2026-01-19"]
