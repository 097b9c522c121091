"""Opening hours, days of the week and stretches of a day in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deliver.words import formats as fmt

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def describe_week(week: Sequence[Sequence[Sequence[int]]]) -> str:
    """Return weekly hours such as ``Mon–Thu 7 am–6 pm, Fri 7 am–noon and 1 pm–4 pm``.

    Parameters
    ----------
    week
        For each day, Monday first, its spans in minutes since midnight.
    """
    by_hours: dict[tuple[tuple[int, ...], ...], list[str]] = {}
    for name, day in zip(WEEKDAYS, week, strict=True):
        if day:
            by_hours.setdefault(tuple(map(tuple, day)), []).append(name)
    parts = [
        f"{list_days(days)} {' and '.join(fmt.clock_span(start, end) for start, end in spans)}"
        for spans, days in by_hours.items()
    ]
    return ", ".join(parts) or "always closed"


def list_days(days: Sequence[str]) -> str:
    """Return ``Mon–Fri`` for days in a row, else ``Mon, Wed and Sat``."""
    if len(days) > 2 and "".join(days) in "".join(WEEKDAYS):
        return f"{days[0]}–{days[-1]}"
    return join(days)


def join(parts: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""


def describe_schedule(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return the opening hours that findings rest on as a report has them, with a note where nobody confirmed them."""
    hours = describe_week(schedule["week"])
    note = f"Opening hours not confirmed: {hours} assumed." if schedule["isAssumed"] else None
    return schedule | {"openingHours": hours, "note": note}


def clock_times(spans: Sequence[str]) -> str:
    """Return stretches of a day such as ``17:00-22:30`` as ``5 pm–10:30 pm``, joined."""
    return join([fmt.clock_span(*(_minute(part) for part in span.split("-"))) for span in spans])


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)
