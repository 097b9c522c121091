"""Reads a TOML file key by key; every mistake is a ConfigError that names the file, the key and what is right."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, NoReturn

from lib.errors import ConfigError

_REQUIRED: Any = object()


def read_toml(path: Path) -> TomlTable:
    """Return the root table of the file `path`.

    Raises
    ------
    ConfigError
        When the file cannot be read or is no TOML.
    """
    try:
        return TomlTable(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err}; correct that line, or let this user read the file") from err


class TomlTable:
    """One table of a TOML file, which knows where it stands in it.

    Every getter takes the key's name and, for a key that may be left out, its default.
    """

    def __init__(self, path: Path, values: dict[str, Any], where: str = "") -> None:
        self.path, self.values, self.where = path, values, where

    def key(self, name: str) -> str:
        """Return where `name` stands in the file, such as ``energy.periods[2].rate_per_kwh``."""
        return f"{self.where}.{name}" if self.where else name

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise a ConfigError about the key `name`."""
        raise ConfigError(f"{self.path}: {self.key(name)} {problem}")

    def refuse_value(self, name: str, right: str) -> NoReturn:
        """Raise a ConfigError that says what the key's value should be instead of what it is."""
        if name not in self.values:
            self.refuse(name, f"is missing; it should be {right}")
        self.refuse(name, f"should be {right}, not {self.values[name]!r}")

    def allow_only(self, *names: str) -> None:
        """Raise a ConfigError where the table has a key that is none of `names`."""
        for name in self.values:
            if name not in names:
                self.refuse(name, f"is unknown; the keys here are {', '.join(names)}")

    def number(self, name: str, default: Any = _REQUIRED, *, low: float = 0.0, high: float = math.inf) -> Any:
        """Return a finite number from `low` to `high`, as float."""
        value = self.values.get(name, default)
        if name not in self.values and default is not _REQUIRED:
            return default
        if type(value) in (int, float) and math.isfinite(value) and low <= value <= high:
            return float(value)
        bounds = f"of {low:g} or more" if high == math.inf else f"from {low:g} to {high:g}"
        return self.refuse_value(name, "a number" if low == -math.inf else f"a number {bounds}")

    def whole(self, name: str, default: Any = _REQUIRED, *, low: int, high: int) -> Any:
        """Return a whole number from `low` to `high`."""
        value = self.values.get(name, default)
        if name not in self.values and default is not _REQUIRED:
            return default
        if type(value) is int and low <= value <= high:
            return value
        return self.refuse_value(name, f"a whole number from {low} to {high}")

    def text(self, name: str, default: Any = _REQUIRED) -> Any:
        """Return a text that is not empty."""
        value = self.values.get(name, default)
        if name not in self.values and default is not _REQUIRED:
            return default
        if isinstance(value, str) and value.strip():
            return value.strip()
        return self.refuse_value(name, "a text")

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(name, default)
        return value if isinstance(value, bool) else self.refuse_value(name, "true or false")

    def choice(self, name: str, choices: Iterable[str], default: Any = _REQUIRED) -> Any:
        """Return one of the texts `choices`."""
        value = self.values.get(name, default)
        if value in choices:
            return value
        return self.refuse_value(name, "one of " + ", ".join(choices))

    def day(self, name: str, default: Any = _REQUIRED) -> Any:
        """Return a date, written without quotes: ``2026-01-31``."""
        value = self.values.get(name, default)
        if name not in self.values and default is not _REQUIRED:
            return default
        if type(value) is date:
            return value
        return self.refuse_value(name, "a date such as 2026-01-31, without quotes")

    def days(self, name: str) -> tuple[date, ...] | None:
        """Return a list of dates, or None where the key is left out."""
        value = self.values.get(name)
        if name in self.values and not (isinstance(value, list) and all(type(item) is date for item in value)):
            self.refuse_value(name, "a list of dates such as [2026-01-01, 2026-12-25]")
        return None if value is None else tuple(sorted(value))

    def moments(self, name: str) -> tuple[datetime, ...] | None:
        """Return a list of date-times with offset, or None where the key is left out."""
        value = self.values.get(name)
        if name in self.values and not (
            isinstance(value, list) and all(isinstance(item, datetime) and item.tzinfo for item in value)
        ):
            self.refuse_value(name, "a list of date-times with offset such as [2026-07-14T16:00:00-05:00]")
        return None if value is None else tuple(sorted(value))

    def table(self, name: str) -> TomlTable | None:
        """Return the table `name`, or None where there is none."""
        if name not in self.values:
            return None
        if not isinstance(self.values[name], dict):
            self.refuse_value(name, f"a table: [{self.key(name)}]")
        return TomlTable(self.path, self.values[name], self.key(name))

    def tables(self, name: str) -> list[TomlTable]:
        """Return the tables of the list `name`; none where it is left out."""
        value = self.values.get(name, [])
        if not (isinstance(value, list) and all(isinstance(item, dict) for item in value)):
            self.refuse_value(name, f"a list of tables: [[{self.key(name)}]]")
        return [TomlTable(self.path, item, f"{self.key(name)}[{n}]") for n, item in enumerate(value, 1)]
