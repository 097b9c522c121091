"""A proposed site file: lines with their reasons, and its text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lib.meter_sums import Confidence
from lib.toml_text import quote

_MAX_NAME = 80  # characters of a name within a comment


class Line(NamedTuple):
    """A key with its value as TOML writes it. What `waits` is out of force until somebody confirms it."""

    key: str
    value: str
    confidence: Confidence
    reason: str
    waits: bool = False

    @property
    def is_active(self) -> bool:
        """Whether it is in force once the file lies in config/sites."""
        return not self.waits and self.confidence is not Confidence.LOW


class Note(NamedTuple):
    """A remark that proposes nothing."""

    text: str


class Section(NamedTuple):
    """A table of the file. Of an optional one the header, too, is out of force where all its lines are."""

    header: str
    lines: tuple[Line | Note, ...]
    title: str = ""
    is_optional: bool = False

    @property
    def is_active(self) -> bool:
        """Whether its header is in force."""
        return not self.is_optional or any(isinstance(line, Line) and line.is_active for line in self.lines)


def show_name(name: str) -> str:
    """Return a name from outside as a comment can hold it."""
    return quote(name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…")


def show_list(values: Iterable[int | str]) -> str:
    """Return ids or texts as a list of TOML."""
    return f"[{', '.join(str(value) if isinstance(value, int) else quote(value) for value in values)}]"


def render_document(head: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the file's text: UTF-8, one line for each key, its confidence and reason behind it."""
    blocks = ["\n".join(f"# {text}" for text in head), *(_render_section(section) for section in sections)]
    return "\n\n".join(blocks) + "\n"


def _render_section(section: Section) -> str:
    title = f"  # {section.title}" if section.title else ""
    header = f"{'' if section.is_active else '#'}[{section.header}]{title}"
    return "\n".join([header, *map(_render_line, section.lines)])


def _render_line(line: Line | Note) -> str:
    if isinstance(line, Note):
        return f"# {line.text}"
    doubt = ", to confirm" if line.waits else ""
    return f"{'' if line.is_active else '#'}{line.key} = {line.value}  # {line.confidence}{doubt}: {line.reason}"
