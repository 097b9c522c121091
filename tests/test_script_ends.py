"""However a script is started, and whatever becomes of its output, it ends in one line and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from config.settings import load_settings
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT

STAGES = ("ingest", "govern", "analyze", "deliver", "operations", "operations/sandbox")
SCRIPTS = sorted(
    str(path.relative_to(PROJECT_ROOT))
    for stage in STAGES
    for path in (PROJECT_ROOT / stage).glob("*.py")
    if "cli.run(main)" in path.read_text(encoding="utf-8")
)
PRINTS = "import sys; from lib import cli; sys.exit(cli.run(lambda argv: print({text}) or 0))"
ANY_TEXT = r"'caf\xe9 \u2192 \U0001f50c'"


def start(command: list[str], env: dict[str, str] | None = None, **options: object) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "PYTHONPATH": str(PROJECT_ROOT)} | (env or {})
    return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_python_without_the_packages_is_told_what_to_do(script: str) -> None:
    # -S leaves out the folder of installed packages.
    process = start([sys.executable, "-S", script, "--site", "1"], cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors and "unexpected" not in errors
    assert len(errors.splitlines()) == 1, errors
    if process.returncode == 1:
        assert "is missing from" in errors and "bash operations/with_venv.sh" in errors, errors
    else:
        assert process.returncode == 2  # it does not know --site, which it says before it needs anything


def test_a_missing_module_of_ours_is_a_defect_and_shows_where() -> None:
    process = start([sys.executable, "-c", "import lib, lib.no_such_module"], stdout=subprocess.DEVNULL)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (1, True)


def test_letters_that_the_terminal_lacks_are_shown_as_codes() -> None:
    command = [sys.executable, "-c", PRINTS.format(text=ANY_TEXT)]
    process = start(command, env={"PYTHONIOENCODING": "ascii"}, stdout=subprocess.PIPE)
    assert process.communicate(timeout=60) == ("caf\\xe9 \\u2192 \\U0001f50c\n", "")
    assert process.returncode == 0


def test_a_closed_stdout_is_said_and_its_number_goes_to_no_file(tmp_path: Path) -> None:
    body = f"print(open({str(tmp_path / 'own')!r}, 'w').fileno() > 2 or 1 / 0)"
    command = f'exec {sys.executable} -c "{PRINTS.format(text=body)}" >&-'
    process = start(["sh", "-c", command])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(errors.splitlines()) == 1
    assert "stdout is closed, and results go nowhere" in errors


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        process = start([sys.executable, "-c", PRINTS.format(text="'x'")], stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert "no space is left on the disk (output); make room, and run again" in errors


def test_a_reader_that_went_away_is_not_complained_of() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start([sys.executable, "-c", PRINTS.format(text="'x'")], stdout=writer)
    os.close(writer)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("mail_from", "is_right"),
    [
        ("energy@example.com", True),
        ("Energy <energy@example.com>", True),
        ("energy@example.com\nBcc: all@example.com", False),
        ("energy@example.com\r", False),
        ("a@example.com, b@example.com", False),
        ("energy", False),
        ("Energy <>", False),
    ],
)
def test_the_sender_of_mail_is_one_address_on_one_line(mail_from: str, is_right: bool, tmp_path: Path) -> None:
    environ = {"ENV_FILE": str(tmp_path / "none"), "MAIL_FROM": mail_from}
    if is_right:
        assert load_settings(environ=environ).mail_from == mail_from
    else:
        with pytest.raises(ConfigError, match="MAIL_FROM should be one mail address on one line"):
            load_settings(environ=environ)


def test_the_sandbox_ends_with_the_one_that_started_it_though_that_was_killed(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    sandbox = f"{sys.executable} operations/sandbox/eniscope_sandbox.py --port 0 --url-file {url_file} --with-parent"
    parent = start(["bash", "-c", f"{sandbox} & wait"], cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not url_file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    url = url_file.read_text().strip()
    assert answers(url), url
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=60)
    until = time.monotonic() + 30
    while answers(url) and time.monotonic() < until:
        time.sleep(0.2)
    assert not answers(url)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
