"""A sync that a real cron runs. It takes a minute by itself, so it begins before the first test and is looked at late.

Another user's crontab is used, so that nobody's own is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from wrapper_tree import BARE_PATH, Tree, make_tree, wait_until

from lib.paths import PROJECT_ROOT

USER = "nobody"
SPOOL = Path("/var/spool/cron/crontabs") / USER
RUNUSER = shutil.which("runuser")
TEST = "test_real_cron_runs_the_sync"  # the one that looks at the outcome
FOLDER_VARIABLE = "ENERGY_TESTS_CRON_FOLDER"
TREE, DUE = "the project's Zähler 5%", "due"
_PREFIX = "energy-cron-"
_LEFT_AFTER_S = 3600  # no run of the tests takes so long: what is older was left by one that was killed


def _is_free() -> bool:
    """Say whether that user has no crontab, or only what a killed run of this test left behind."""
    if not SPOOL.exists():
        return True
    entries = [line for line in SPOOL.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    if FOLDER_VARIABLE in os.environ and all(os.environ[FOLDER_VARIABLE] in line for line in entries):
        return True  # this run's own, which began before this process did
    return all(_PREFIX in line for line in entries) and time.time() - SPOOL.stat().st_mtime > _LEFT_AFTER_S


HAS_CRON = os.geteuid() == 0 and RUNUSER and shutil.which("cron") and shutil.which("crontab") and _is_free()


@contextmanager
def running_cron() -> Iterator[None]:
    """Have a cron daemon: the machine's own, or one that lives as long as the block."""
    if subprocess.run(["pgrep", "-x", "cron"], capture_output=True).returncode == 0:
        yield
        return
    daemon = subprocess.Popen(["cron", "-f"])
    try:
        yield
    finally:
        daemon.terminate()
        daemon.wait()


def setup_cron(tree: Tree, *args: str) -> str:
    """Run setup_cron.sh as that user; return what it says."""
    command = [str(RUNUSER), "-u", USER, "--", *tree.command("operations/setup_cron.sh", *args)]
    done = subprocess.run(command, env={"PATH": BARE_PATH}, cwd="/", capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def _schedule_sync(folder: Path) -> Iterator[None]:
    """Have cron run the sync of a tree in `folder`; the file `due` there tells when."""
    folder.mkdir()
    folder.chmod(0o777)
    tree = make_tree(folder / TREE)
    tree.write("operations/list_sites.py", "print(23271)\n")
    tree.write("jobs", "sync 23271 2026-01-20 2026-01-20 told\n")
    subprocess.run(["chown", "-R", USER, tree.root], check=True)
    if SPOOL.exists():
        SPOOL.unlink()
        time.sleep(1.1)  # cron tells by the folder's time, in seconds, that there is something new
    due = datetime.now().astimezone() + timedelta(minutes=1)
    if due.second >= 55:  # cron reads the tables at the full minute
        due += timedelta(minutes=1)
    try:
        with running_cron():
            setup_cron(tree, "--yes", "--time", f"{due:%H:%M}")
            (folder / f"{DUE}.new").write_text(due.isoformat())
            (folder / f"{DUE}.new").rename(folder / DUE)  # whole, or not there
            yield
    finally:
        SPOOL.unlink(missing_ok=True)
        shutil.rmtree(folder)


class EarlyCron:
    """A plugin of the process that hands the tests out: one crontab for all processes that run them.

    The crontab is kept by a process of its own until its input ends, as it does when the tests are killed too.
    """

    def __init__(self) -> None:
        self._keeper: subprocess.Popen[bytes] | None = None

    def begin(self, tests: Iterable[str]) -> None:
        """Let the minute pass while other tests run, if the one that looks at the outcome is among them."""
        if HAS_CRON and self._keeper is None and any(TEST in name for name in tests):
            command = [sys.executable, __file__, os.environ[FOLDER_VARIABLE]]
            places = {"PYTHONPATH": f"{PROJECT_ROOT}{os.pathsep}{PROJECT_ROOT / 'tests'}"}
            self._keeper = subprocess.Popen(
                command, env=os.environ | places, stdin=subprocess.PIPE, start_new_session=True
            )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin where all tests run in this process."""
        self.begin(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Begin where other processes run them, once the first of these knows which."""
        self.begin(ids)

    def pytest_unconfigure(self) -> None:
        """Take the crontab away when all processes have ended."""
        if self._keeper is not None:
            self._keeper.communicate()


def register(config: pytest.Config) -> None:
    """Install the plugin, unless this is a process that another hands tests to."""
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER_VARIABLE] = str(Path(tempfile.gettempdir(), f"{_PREFIX}{uuid4().hex[:12]}"))
        config.pluginmanager.register(EarlyCron(), "early-cron")


@pytest.fixture
def synced_by_cron() -> tuple[Tree, datetime]:
    """A tree whose sync cron will run, and the minute at which it is due."""
    folder = Path(os.environ[FOLDER_VARIABLE])
    wait_until((folder / DUE).exists, "the sync is scheduled")
    return Tree(folder / TREE), datetime.fromisoformat((folder / DUE).read_text())


if __name__ == "__main__":
    with _schedule_sync(Path(sys.argv[1])):
        sys.stdin.buffer.read()
