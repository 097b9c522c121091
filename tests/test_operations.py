"""The shell wrappers chain the stages in the right order, pass exit codes on, and clear up after themselves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from wrapper_tree import (
    BARE_PATH,
    GAPS,
    INGEST,
    PORTAL,
    RECORD,
    REFRESH,
    REPORT,
    SANDBOX,
    SERVER,
    SETUP,
    TOOLS,
    VALIDATE,
    WRAPPERS,
    Call,
    Tree,
    is_alive,
    python_on_path,
    wait_until,
)

from config.settings import Settings
from lib.date_utils import last_complete_week
from lib.errors import UsageError
from lib.paths import PROJECT_ROOT
from operations import show_settings
from operations.show_settings import has_credentials, render_settings
from operations.write_reference import ROOMS, list_commands, read_help

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
        f"{GAPS} --site 23271",
        REFRESH,
        f"{VALIDATE} --site 23271",
        f"{REPORT} --site 23271 --html --pdf",
        f"{RECORD} {tree.root}/reports/weekly_report_23271_*.json",
        f"{PORTAL} --site 23271",
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
    weeks = [args[5:] for script, args, _ in tree.calls if script == SANDBOX]
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


def test_quickstart_says_how_a_site_file_is_proposed_until_there_is_one(tree: Tree) -> None:
    settings = {"DATABASE_URL": "mine", **CREDENTIALS}
    command = "bash operations/with_venv.sh operations/onboard_site.py --site 7\n"
    assert tree.run("operations/quickstart.sh", "--site", "7", **settings).stdout.endswith(command)
    tree.write("config/sites/7.toml", "")
    assert command not in tree.run("operations/quickstart.sh", "--site", "7", **settings).stdout
    assert command.replace("7", "8") in tree.run("operations/quickstart.sh", "--site", "8", **settings).stdout


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


def test_quickstart_ends_well_without_its_portal(tree: Tree) -> None:
    done = tree.run("operations/quickstart.sh", codes={PORTAL: 2})
    assert (done.returncode, "The portal was not published; see above." in done.stdout) == (0, True)


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
    told = f"no report for site 23271: told by {failing}; do this"
    assert ended.stderr.endswith(f"quickstart.sh: error: {told}\n") is (code == 3)
    assert tree.commands[-1] == f"{SERVER} stop"
    assert sandbox_is_gone(tree)


def test_quickstart_on_the_real_service_says_why_there_is_no_report(tree: Tree) -> None:
    ended = tree.run("operations/quickstart.sh", codes={REPORT: 3}, DATABASE_URL="mine", **CREDENTIALS)
    assert ended.returncode == 3
    told = f"no report for site 23271: told by {REPORT}; do this"
    assert ended.stderr.splitlines()[-2:] == [f"2026-01-20T06:00:05Z ERROR {told}", f"quickstart.sh: error: {told}"]
    assert f"warning of {REFRESH}" in ended.stderr


def test_a_step_held_back_without_a_word_is_not_given_an_older_reason(tree: Tree) -> None:
    tree.write(REPORT, "raise SystemExit(3)\n")
    tree.write(REFRESH, "import sys\nprint('2026-01-20T06:00:05Z ERROR of another step', file=sys.stderr)\n")
    ended = tree.run("operations/quickstart.sh")
    assert ended.stderr.splitlines()[-1] == "quickstart.sh: error: held back; see the lines above"


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


PYTEST = "pytest.py"
CHECKS: list[Call] = [("ruff.py", ["check"], {}), ("ruff.py", ["format", "--check"], {}), ("mypy.py", [], {})]
IN_TWO_PROCESSES = ["-n", "2", "--dist", "worksteal"]


@pytest.mark.parametrize(("runner", "before"), [("operations/run_tests.sh", []), (".ci/run", CHECKS)])
def test_run_tests_keeps_settings_out_and_passes_arguments_and_code_on(
    tree: Tree, runner: str, before: list[Call]
) -> None:
    settings = {"DATABASE_URL": "x", "VITE_ENISCOPE_EMAIL": "x", "ENISCOPE_PASSWORD": "x", "PGHOST": "x"}
    ended = tree.run(runner, "-m", "not slow", codes={PYTEST: 5}, CI="true", **settings)
    assert ended.returncode == 5, ended.stderr
    assert [call[:2] for call in tree.calls[:-1]] == [call[:2] for call in before]
    assert tree.calls[-1] == (PYTEST, [*IN_TWO_PROCESSES, "-m", "not slow"], {})
    assert {*settings, "CI"} & set(json.loads(ended.stdout.splitlines()[-1])) == {"CI"}


@pytest.mark.parametrize("arguments", [["--pdb"], ["-p", "no:xdist", "tests"], ["-pno:xdist"]])
def test_a_debugger_gets_one_process(tree: Tree, arguments: list[str]) -> None:
    assert tree.run("operations/run_tests.sh", *arguments).returncode == 0
    assert tree.calls == [(PYTEST, arguments, {})]


@pytest.mark.parametrize("failing", ["ruff.py check", "ruff.py format", "mypy.py"])
def test_all_checks_run_and_one_that_fails_keeps_the_tests_from_running(tree: Tree, failing: str) -> None:
    assert tree.run("operations/check.sh", codes={failing: 2}).returncode == 1
    assert tree.run(".ci/run", codes={failing: 2}).returncode == 1
    assert tree.calls == CHECKS * 2


def test_only_checks_and_tests_need_what_development_does(tree: Tree) -> None:
    tree.write("requirements-dev.txt", "not a requirement\n")
    assert tree.run("operations/quickstart.sh").returncode == 0
    for wrapper in ("operations/check.sh", "operations/run_tests.sh", ".ci/run"):
        refused = tree.run(wrapper)
        assert (refused.returncode, "pip could not install requirements-dev.txt" in refused.stderr) == (1, True)
    assert not {script for script, _, _ in tree.calls} & set(TOOLS)


# --- show_settings.py -------------------------------------------------------------------------------------------------


def test_settings_are_shown_without_the_secrets() -> None:
    settings = Settings(database_url="postgresql://me:pw-in-url@host/db", api_key="the-key", api_email="me@example.com")
    text = "\n".join(render_settings(settings))
    assert "me@example.com" in text
    assert "the-key" not in text
    assert "pw-in-url" not in text
    shown = dict(line.split(maxsplit=1) for line in text.splitlines())
    assert (shown["api_key"], shown["api_password"]) == ("(set, not shown)", "(not set)")
    assert (shown["stage_database_urls"], shown["alert_recipients"]) == ("(not set)", "(not set)")


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


# Their place is in a chain; nobody types them.
PARTS_OF_CHAINS = {
    *("govern/claim_job.py", "govern/finish_job.py", "govern/note_mailing.py", "govern/record_report.py"),
    *("operations/ping_heartbeat.py", "operations/postgres_program.py"),
}


def test_every_script_has_an_alias_but_for_parts_of_chains() -> None:
    scripts = {path.relative_to(PROJECT_ROOT).as_posix() for room in ROOMS for path in list_commands(room)}
    named = {word for command in ALIASES.values() for word in command.split()}
    assert scripts - named == PARTS_OF_CHAINS


@pytest.mark.parametrize("alias", sorted(set(ALIASES) - {"test"}))
def test_alias_names_a_command_that_understands_its_arguments(alias: str) -> None:
    bash, wrapper, *args = ALIASES[alias].split()
    assert bash == "bash"
    script, *given = args if wrapper == "operations/with_venv.sh" and args else [wrapper, *args]
    assert read_help(PROJECT_ROOT / script, *given)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_runs_an_alias_from_a_subfolder(tree: Tree) -> None:
    shutil.copy(PROJECT_ROOT / "package.json", tree.root)
    command = ["npm", "run", "--silent", "py:report:custom", "--", "--site", "7", "--start", "2026-01-19"]
    environment = {"PATH": f"{Path(str(shutil.which('npm'))).parent}:{BARE_PATH}", "HOME": str(tree.root)}
    subprocess.run(command, cwd=tree.root / "govern", env=environment, check=True, capture_output=True, timeout=60)
    assert tree.commands == [f"{REPORT} --site 7 --start 2026-01-19"]
