"""Places where a file may be named that is none: folders, pipes, sockets, devices, and links to them."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

STRANGE = ("folder", "pipe", "socket", "device", "link to a pipe", "link to a device")


def make_strange(folder: Path, kind: str) -> Path:
    """Return something of this kind, made in the folder; a device is a twin of /dev/null, and takes root."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / kind.rsplit(" ", 1)[-1]
    if kind.startswith("link"):
        link = folder / "link"
        link.symlink_to(make_strange(folder, kind.removeprefix("link to a ")))
        return link
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            before = Path.cwd()
            os.chdir(folder)  # the name of a socket is short
            listening.bind(path.name)
            os.chdir(before)
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("a device node takes root")
    return path


def listing(folder: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """Return name → inode, kind and content of all that is below the folder, links not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        is_file = stat.S_ISREG(status.st_mode)
        content = path.read_bytes() if is_file else None
        found[path.relative_to(folder).as_posix()] = (status.st_ino, stat.S_IFMT(status.st_mode), content)
    return found
