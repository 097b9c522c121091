"""Which version of this code runs: the commit, or where there is no checkout the version of package.json."""

from __future__ import annotations

import json
from pathlib import Path

from lib.paths import PROJECT_ROOT

_SHOWN_DIGITS = 12


def code_version(root: Path = PROJECT_ROOT) -> str:
    """Return the version of the code in `root`.

    Git's own files are read, for a process of git costs more than a small script; a worktree and packed references are
    followed. Changes that are not committed do not show.
    """
    commit = _commit(root / ".git")
    if commit:
        return commit[:_SHOWN_DIGITS]
    package = root / "package.json"
    return (
        str(json.loads(package.read_text(encoding="utf-8")).get("version", "unknown"))
        if package.exists()
        else "unknown"
    )


def _commit(git: Path) -> str | None:
    """Return the commit that is checked out, None where `git` is no repository."""
    if git.is_file():  # a worktree: the file names its folder within the repository
        git = (git.parent / git.read_text(encoding="utf-8").removeprefix("gitdir:").strip()).resolve()
    if not (git / "HEAD").exists():
        return None
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if not head.startswith("ref:"):
        return head
    reference = head.removeprefix("ref:").strip()
    common = git / "commondir"
    shared = (git / common.read_text(encoding="utf-8").strip()).resolve() if common.exists() else git
    for folder in (git, shared):
        if (folder / reference).exists():
            return (folder / reference).read_text(encoding="utf-8").strip()
    packed = shared / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {reference}")), None)
