"""A sync that a real cron runs. It takes a minute by itself, so it begins before the first test and is looked at late.

Another user's crontab is used, so that nobody's own is touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from wrapper_tree import BARE_PATH, Tree, make_tree

USER = "nobody"
SPOOL = Path("/var/spool/cron/crontabs") / USER
RUNUSER = shutil.which("runuser")
_PREFIX = "energy-cron-"
_LEFT_AFTER_S = 3600  # no run of the tests takes so long: what is older was left by one that was killed


def _is_free() -> bool:
    """Say whether that user has no crontab, or only what a killed run of this test left behind."""
    if not SPOOL.exists():
        return True
    entries = [line for line in SPOOL.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
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


@pytest.fixture(scope="session")
def synced_by_cron() -> Iterator[tuple[Tree, datetime]]:
    """A tree whose sync cron will run, and the minute at which it is due."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    folder.chmod(0o777)
    tree = make_tree(folder / "the project's Zähler 5%")
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
            yield tree, due
    finally:
        SPOOL.unlink(missing_ok=True)
        shutil.rmtree(folder)


@pytest.fixture(scope="session", autouse=True)
def _begin_early(request: pytest.FixtureRequest) -> None:
    """Let the minute pass while other tests run."""
    if HAS_CRON and any("synced_by_cron" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("synced_by_cron")
