"""Lays out what each meter used beside normal and earlier weeks, and what an operator can set right. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import opening_hours_of
from deliver.pages.parts import Part
from deliver.words import formats as fmt
from deliver.words.hours import join

_SHOWN_ON_PAPER = 20
_LEAST_KWH = 0.05  # a meter that used less is told to be at rest, below the table


def meter_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the energy of each meter beside normal, last week and a year ago; sub-meters stand below their mains."""
    use = report["consumption"]
    rows = in_tree_order(use["byChannel"])
    known = [(row, depth) for row, depth in rows if abs(row["energyKwh"] or 0.0) >= _LEAST_KWH]
    has_week, has_year = (any(row.get(key) is not None for row, _ in known) for key in _EARLIER)
    labels = [
        "This week",
        "Normal",
        "Change",
        *(["Last week"] if has_week else []),
        *(["Last year"] if has_year else []),
    ]
    columns = [parts.column("Meter"), *(parts.column(label, "right") for label in labels)]
    cells = [_row(row, depth, has_week, has_year) for row, depth in known]
    total = {**use, "channelName": "Total", "energyKwh": use["totalKwh"], "expectedKwh": use["usualKwh"]}
    return [
        parts.table(
            "Beside normal and earlier weeks",
            columns,
            [_row(total, 0, has_week, has_year), *cells],
            shown=_SHOWN_ON_PAPER,
        ),
        parts.text(
            " ".join(
                filter(
                    None, _notes(report, known, [row for row, _ in rows if abs(row["energyKwh"] or 0.0) < _LEAST_KWH])
                )
            )
        ),
    ]


_EARLIER = ("weekBeforeKwh", "yearBeforeKwh")


PART_OF = "Meters marked ↳ are part of the meter above them, and are in the total once."


def tree_name(name: str, depth: int) -> str:
    """Return the name of a meter as a table has it that lies so deep below a main."""
    return "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}" * depth + ("↳ " if depth else "") + name


def in_tree_order(channels: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Return the meters, the largest first, each followed by its sub-meters, with how deep it lies."""
    below: dict[int | None, list[dict[str, Any]]] = {}
    ids = {row["channelId"] for row in channels}
    for row in sorted(channels, key=lambda row: -(row["energyKwh"] or 0.0)):
        parent = row.get("parentChannelId")
        below.setdefault(parent if parent in ids else None, []).append(row)

    def walk(parent: int | None, depth: int) -> list[tuple[dict[str, Any], int]]:
        found = []
        for row in below.get(parent, []):
            found += [(row, depth), *walk(row["channelId"], depth + 1)]
        return found

    return walk(None, 0)


def _row(row: dict[str, Any], depth: int, has_week: bool, has_year: bool) -> list[parts.Cell]:
    name = tree_name(str(row["channelName"]), depth)
    least = "≥\N{NO-BREAK SPACE}" if row.get("isAtLeast") else ""
    cells: list[parts.Cell] = [name, f"{least}{fmt.kwh(row['energyKwh'])}", fmt.kwh(row.get("expectedKwh"))]
    cells.append(fmt.signed_pct(row.get("changePct")))
    shown = (has_week, has_year)
    return cells + [fmt.kwh(row.get(key)) for key, is_shown in zip(_EARLIER, shown, strict=True) if is_shown]


def _notes(report: dict[str, Any], known: list[tuple[dict[str, Any], int]], idle: list[dict[str, Any]]) -> list[str]:
    use, baseline = report["consumption"], report["metadata"]["baseline"]
    weather = len((use.get("comparison") or {}).get("weatherMeters") or [])
    lines = [
        f"Normal: similar days of the {baseline['weeksCount']} weeks before"
        + (f", adjusted for this week’s outdoor temperature on {fmt.count(weather, 'meter')}." if weather else ".")
        + " The change compares the hours that have readings."
    ]
    if any(depth for _, depth in known):
        lines.append(PART_OF)
    if any(row.get("yearBeforeKwh") is not None for row, _ in known):
        lines.append("Last year: the same weekdays, 52 weeks before.")
    resting = [row["channelName"] for row in idle if row["energyKwh"] is not None]
    silent = [row["channelName"] for row in idle if row["energyKwh"] is None]
    lines.append(f"Used nothing: {join(resting)}." if resting else "")
    lines.append(f"No readings: {join(silent)}." if silent else "")
    return lines


def operator_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return what whoever runs the pipeline can enter, so that less is assumed; a customer never sees it."""
    site_id = report["metadata"]["site"]["siteId"]
    cost = report["consumption"].get("cost") or {}
    lines = []
    if opening_hours_of(report).get("isAssumed"):
        lines.append(f"Opening hours: name them under [schedule] in config/sites/{site_id}.toml.")
    if cost.get("isAssumed"):
        lines.append(f"Price of energy: name the site’s tariff under [tariff] in config/sites/{site_id}.toml.")
    basis = (report["sections"].get("costOptimization") or {}).get("basis") or {}
    for unlisted in basis.get("holidays_unlisted") or []:
        file = f"config/tariffs/{unlisted['tariff']}.toml"
        lines.append(f"Holidays of {unlisted['year']}: add the utility’s to holidays in {file}.")
    if basis.get("peaks_known_from"):
        lines.append(
            f"Peaks on earlier bills: name them as billed_peaks_kw under [tariff] in config/sites/{site_id}.toml."
        )
    for win in report["sections"].get("quickWins") or []:
        if win["type"] == "confirm":
            name = win["channelName"]
            lines.append(f'{name}: if it must run, write must_run = true under [channels."{name}"] in the same file.')
    questions = report["dataQuality"].get("openQuestions") or []
    lines += [f"{question['channelName']}: {question['message']}" for question in questions]
    return [parts.bullets(lines)]
