"""Reads the checks of ``govern/checks``: one file is one check, declared in the comment that it begins with.

The file's name is its severity and its name: ``block_energy_plausible.sql``. The comment says first, in plain words,
what the check asserts, and then, one key a line (a line without a key goes on with the one above it)::

    -- Scope: channel | site | system     what one finding is about
    -- Limit: max_power_kw = 5000 (source)    a parameter of the query; any number of them
    -- Warm-up: 7 days                        optional: a channel with less history is only warned of
    -- Hint: what to do
    -- Hint for files: optional: what to do instead at a site that is imported from files

The query takes its own limits, ``site_id``, ``asked_until``, ``started_at`` and ``lookback_start`` as parameters and
returns one row for each channel (or, beyond the scope of a channel, one row with a null `channel_id`) where the
assertion does not hold: `channel_id`, `found` (how many rows, days, …), `finding` (in words) and `examples` (the worst,
as a JSON array).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from config.limits import ValidationLimits
from lib.errors import DataError
from lib.paths import CHECKS_DIR

SEVERITY_BLOCK = "block"
SEVERITY_WARN = "warn"
SCOPE_CHANNEL = "channel"
SCOPE_SITE = "site"
SCOPE_SYSTEM = "system"
SCOPES = (SCOPE_CHANNEL, SCOPE_SITE, SCOPE_SYSTEM)
COLUMNS = ("channel_id", "found", "finding", "examples")

_KEYS = ("Scope", "Limit", "Warm-up", "Hint", "Hint for files")
_LIMIT = re.compile(r"(?P<name>[a-z0-9_]+) = (?P<value>-?[0-9.]+) \((?P<source>.+)\)")
_WARM_UP = re.compile(r"(?P<days>\d+) days")


class Limit(NamedTuple):
    """A number that a check compares with, and where it comes from."""

    name: str
    value: float | int
    source: str


class Check(NamedTuple):
    """One check, as its file declares it."""

    name: str
    severity: str
    scope: str
    asserts: str
    limits: tuple[Limit, ...]
    warm_up_days: int
    hint: str
    query: str
    file_hint: str | None = None

    def for_files(self) -> Check:
        """The check with what to do at a site of files, to which no service can be asked to send anything again."""
        return self._replace(hint=self.file_hint or self.hint)


def read_checks(folder: Path = CHECKS_DIR) -> list[Check]:
    """Return the checks of a folder, by file name.

    Raises
    ------
    DataError
        When there are none (a validation without checks would pass everything), one is not in the form, or two declare
        the same limit with different values.
    """
    checks = [_read_check(path) for path in sorted(folder.glob("*.sql"))]
    if not checks:
        raise DataError(f"no checks in {folder}; a validation that checks nothing is none: restore the folder")
    limit_values(checks)
    return checks


def limit_values(checks: list[Check]) -> dict[str, float | int]:
    """Return the limits of all checks as query parameters."""
    values: dict[str, float | int] = {}
    for check in checks:
        for limit in check.limits:
            if values.setdefault(limit.name, limit.value) != limit.value:
                raise DataError(f"limit {limit.name} has two values; make {check.name} and the other checks agree")
    return values


def settable_limits(checks: list[Check]) -> dict[str, float | int]:
    """Return the limits that a site's file may set: those of checks on it and its channels, and of its quarantines."""
    quarantine = {
        name: value for name, value in ValidationLimits().as_parameters().items() if name.startswith("max_quarantined_")
    }
    return limit_values([check for check in checks if check.scope != SCOPE_SYSTEM]) | quarantine


def render_checks(checks: list[Check]) -> str:
    """Return the checks as a Markdown table, those that block first."""
    lines = ["| check | severity, scope | asserts | limits | what to do |", "|---|---|---|---|---|"]
    for check in sorted(checks, key=lambda check: (check.severity, SCOPES.index(check.scope), check.name)):
        limits = "<br>".join(f"`{limit.name}` = {limit.value}: {limit.source}" for limit in check.limits)
        if check.warm_up_days:
            limits += f"{'<br>' if limits else ''}only warns where there is less than {check.warm_up_days} d of history"
        hint = check.hint + (f"<br>Files: {check.file_hint}" if check.file_hint else "")
        cells = (f"`{check.name}`", f"{check.severity}, {check.scope}", check.asserts, limits, hint)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _read_check(path: Path) -> Check:
    severity, _, name = path.stem.partition("_")
    comment, query = _split(path.read_text(encoding="utf-8"))
    asserts, declared = _parse_comment(comment)
    scopes, hints, file_hints = declared["Scope"], declared["Hint"], declared["Hint for files"]
    limits = [_LIMIT.fullmatch(text) for text in declared["Limit"]]
    warm_ups = [_WARM_UP.fullmatch(text) for text in declared["Warm-up"]]
    is_whole = (
        severity in (SEVERITY_BLOCK, SEVERITY_WARN)
        and asserts
        and len(scopes) == len(hints) == 1
        and len(file_hints) <= 1
    )
    if not is_whole or scopes[0] not in SCOPES or not all(limits) or not all(warm_ups) or len(warm_ups) > 1:
        raise DataError(
            f"{path.name} is no check: it needs block_ or warn_ before its name, an assertion, Scope: and Hint:, and "
            "each Limit: as name = number (source); see govern/checks/reader.py"
        )
    return Check(
        name, severity, scopes[0], asserts,
        tuple(Limit(m["name"], _number(m["value"]), m["source"]) for m in limits if m),
        int(warm_ups[0]["days"]) if warm_ups and warm_ups[0] else 0,
        hints[0], query, *file_hints,
    )  # fmt: skip


def _split(text: str) -> tuple[list[str], str]:
    """Return the lines of the comment that a file begins with, and its query without comments of whole lines."""
    lines = text.splitlines()
    length = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    comment = [line.removeprefix("--").strip() for line in lines[:length]]
    return comment, "\n".join(line for line in lines[length:] if not line.lstrip().startswith("--"))


def _parse_comment(lines: list[str]) -> tuple[str, dict[str, list[str]]]:
    """Return what is asserted, and what stands under each key."""
    asserted: list[str] = []
    declared: dict[str, list[str]] = {key: [] for key in _KEYS}
    current = asserted
    for line in lines:
        key, separator, value = line.partition(": ")
        if separator and key in _KEYS:
            current = declared[key]
            current.append(value.strip())
        elif current:
            current[-1] = f"{current[-1]} {line}"
        else:
            current.append(line)
    return " ".join(asserted), declared


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text)
