"""Draws the data quality of a site (`govern.quality.data`) for a terminal and as one self-contained page. Pure."""

from __future__ import annotations

from typing import Any

from lib.html_templates import load_template
from lib.logs import clean_text
from lib.paths import PROJECT_ROOT
from lib.states import BreakerState

TEMPLATES_DIR = PROJECT_ROOT / "govern" / "templates"

# From completeness [%] on: mark on a terminal, class on the page, in words. What is missing is told by shape too, not
# by colour alone.
LEVELS = (
    (99.5, "█", "whole", "whole"),
    (90.0, "▓", "most", "90 % or more"),
    (50.0, "▒", "half", "half or more"),
    (0.001, "░", "some", "less than half"),
    (0.0, "·", "none", "nothing"),
)
_NOTHING_EXPECTED = (" ", "off", "nothing was to be expected")
_NAME_WIDTH = 24


def level_of(completeness_pct: float | None) -> tuple[str, str, str]:
    """Return how a day is shown: its mark, its class, and what it means."""
    if completeness_pct is None:
        return _NOTHING_EXPECTED
    return next((mark, name, words) for least, mark, name, words in LEVELS if completeness_pct >= least)


def render_text(quality: dict[str, Any]) -> str:
    """Return the table for a terminal, one line a channel, with what it stands for."""
    site, totals, days = quality["site"], quality["totals"], quality["days"]
    lines = [
        f"{clean_text(site['siteName'])} (site {site['siteId']}), {days[0]} to {days[-1]}, {site['timezone']}",
        _verdict_line(quality["validation"]),
        "",
        f"{'channel':{_NAME_WIDTH + 11}} {_strip_head(days)}  whole  trend   open gaps  rejects  revised",
    ]
    lines += [_row(channel, len(days)) for channel in quality["channels"]]
    lines.append(_row({"channelId": "", "channelName": "all", **totals}, len(days)))
    lines += ["", " ".join(f"{mark} {words}," for _, mark, _, words in LEVELS) + " blank: nothing was to be expected"]
    none = "none" if quality["gapsKnown"] else "none known"
    lines.append(f"gaps: {_list_gaps(totals['gaps']) or none}")
    lines.append(f"rejects: {_list_counts(totals['rejects']) or 'none'}")
    lines += list_notes(quality)
    lines += [
        f"quarantined: channel {channel['channelId']} since {channel['quarantine']['since']}: "
        f"{clean_text(channel['quarantine']['reason'])}"
        for channel in quality["channels"]
        if channel["quarantine"]
    ]
    lines += [
        f"validated {item['date']}: {item['verdict']}, {item['failedChecks']} checks failed, "
        f"{item['quarantined']} channels in quarantine"
        for item in quality["verdicts"]
    ]
    return "\n".join(lines)


def render_html(quality: dict[str, Any]) -> str:
    """Return the page: it needs no network and no file beside it, and every text in it is escaped.

    Raises
    ------
    PipelineError
        When Jinja2 is not installed.
    """
    return load_template(TEMPLATES_DIR / "data_quality.html.j2").render(
        quality=quality,
        level_of=level_of,
        levels=LEVELS,
        open_intervals=open_intervals,
        verdict=_verdict_line,
        notes=list_notes(quality),
    )


def list_notes(quality: dict[str, Any]) -> list[str]:
    """Return what the counts of gaps and rejects do not tell."""
    site_id, notes = quality["site"]["siteId"], []
    if not quality["gapsKnown"]:
        notes.append(
            f"gaps were not looked for since the latest ingest; run: python govern/update_gaps.py --site {site_id}"
        )
    if quality["site"]["dataSource"] == "file":
        notes.append("rejects: counted are values in quarantine; FILE.rejects.csv beside a file lists all of its lines")
    return notes


def open_intervals(gaps: dict[str, dict[str, int]]) -> int:
    """Return how many intervals are missing that nobody has accepted and that did not arrive later."""
    return sum(count["intervals"] for state, count in gaps.items() if state in ("pending", "vendor_empty"))


_VERDICTS = {"closed": "passed", "open": "failed"}


def _verdict_line(validation: dict[str, Any]) -> str:
    if validation["verdict"] == BreakerState.MISSING:
        return "never validated; run: python govern/validate_data.py"
    outdated = "" if validation["isCurrent"] else ", outdated by a later ingest"
    verdict = _VERDICTS.get(validation["verdict"], validation["verdict"])
    state = f"checks {verdict} (validated {validation['validatedAt']}{outdated})"
    if validation["blockingChecks"]:
        return clean_text(f"{state}: {', '.join(validation['blockingChecks'])}: {validation['blockingMessage']}")
    if validation["warningChecks"]:
        return f"{state}; warnings: {', '.join(validation['warningChecks'])}"
    return state


def _strip_head(days: list[str]) -> str:
    """Return the days' span above the strip, as far as it fits."""
    width = len(days)
    both = f"{days[0][5:]}{days[-1][5:].rjust(width - 5)}"
    return both if width >= len("01-31 02-28") else "".ljust(width)


def _row(channel: dict[str, Any], day_count: int) -> str:
    strip = "".join(level_of(value)[0] for value in channel["completenessByDay"]).ljust(day_count)
    name = clean_text(channel["channelName"])
    name = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
    whole = "" if channel["completenessPct"] is None else f"{channel['completenessPct']:.1f}"
    trend = "" if channel["trendPoints"] is None else f"{channel['trendPoints']:+.1f}"
    rejects, gaps = sum(channel["rejects"].values()), open_intervals(channel["gaps"])
    flag = " quarantined" if channel.get("quarantine") else ""
    return (
        f"{channel['channelId']!s:>10} {name:{_NAME_WIDTH}} {strip}  {whole:>5}  {trend:>6}  {gaps:>9}  {rejects:>7}"
        f"  {channel['revisedIntervals']:>7}{flag}"
    )


def _list_gaps(gaps: dict[str, dict[str, int]]) -> str:
    return ", ".join(f"{count['gaps']} {state} ({count['intervals']} intervals)" for state, count in gaps.items())


def _list_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {clean_text(name)}" for name, count in counts.items())
