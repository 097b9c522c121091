"""No server outlives the tests that started it, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from wrapper_tree import is_alive, wait_until

from lib.paths import PROJECT_ROOT

_TESTS = """
import sys, time
from operations.postgres.server import start_server
from throwaway_folder import throwaway_folder

with throwaway_folder("energy-tests-") as folder:
    start_server(folder / "postgres", settings={"fsync": "off"})
    print(folder, flush=True)
    time.sleep(float(sys.argv[1]))
"""


def start(*arguments: str) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", _TESTS, *arguments],
        env={"PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'tests'}"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def pid_of(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_no_server_behind(ending: signal.Signals) -> None:
    process, folder = start("60")
    pid = pid_of(folder)
    assert is_alive(pid)
    process.send_signal(ending)
    process.communicate(timeout=20)
    wait_until(lambda: not is_alive(pid) and not folder.exists(), "the server has stopped and its folder is gone")


def test_at_the_end_of_its_block_the_folder_is_gone() -> None:
    process, folder = start("0")
    process.communicate(timeout=20)
    assert (process.returncode, folder.exists()) == (0, False)
