"""Asks which meter is the main of which others, where their readings say so and nobody did.

The service does not tell what is part of what. A main meter beside its parts counts their energy twice.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from govern.checks.reader import SCOPE_CHANNEL, SEVERITY_WARN, Check
from govern.checks.verdict import Finding, Scope
from lib import db
from lib.meter_sums import Confidence, Proposal, find_sums

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from lib.meter_sums import Floats, Places, Twins

# What no query can say, for it is a regression.
MAINS_CHECK = Check(
    "mains_named",
    SEVERITY_WARN,
    SCOPE_CHANNEL,
    "Where a meter's readings follow the sum of others over weeks, it is said which are its parts.",
    (),
    0,
    'write the lines into config/sites/<id>.toml, with parent = "" for a meter that is no part of it, and validate '
    "again. Until then the report's headline says that the total may count twice.",
    "",
)

_WEEKS = 6  # the newest: enough for a coefficient, and few enough to be one way of wiring
_SECONDS_PER_HOUR = 3600
_FIRST_MONDAY_H = 4 * 24  # 5 January 1970 was one, in hours of 1970
_WHOLE_RATIO = 0.99  # of a grid's step that readings cover

_METERS = """
SELECT meter_id, meter_name, parent_meter_id, is_parent_named, coalesce(kind, '') = 'generation', interval_s, point_id
FROM v_meters
WHERE site_id = %(site_id)s AND is_energy_meter AND is_counted AND interval_s <= 3600
    AND coalesce(kind, '') <> 'storage' AND coalesce(uninstalled_at > %(asked_until)s, true)
ORDER BY meter_id
"""

_READINGS = """
SELECT
    meter_id,
    floor(extract(epoch FROM timestamp) / %(step_s)s)::bigint AS place,
    min(floor(extract(epoch FROM local_timestamp) / 3600))::bigint AS local_hour,
    -- Of a meter that has an export register its energy may be what was imported; its power goes both ways.
    sum(CASE WHEN exported_energy_kwh > 0 THEN coalesce(power_kw * interval_s / 3600, energy_kwh)
        ELSE coalesce(energy_kwh, power_kw * interval_s / 3600) END) AS kwh,
    sum(interval_s)::bigint AS covered_s
FROM v_readings_enriched
WHERE site_id = %(site_id)s AND meter_id = ANY (%(ids)s)
    AND timestamp >= greatest(%(lookback_start)s, %(asked_until)s - %(weeks)s * interval '7 days')
    AND timestamp < %(asked_until)s
    AND coalesce(energy_kwh, power_kw) IS NOT NULL
GROUP BY meter_id, place
"""


class _Meter(NamedTuple):
    meter_id: int
    name: str
    parent_id: int | None
    is_parent_named: bool
    is_generation: bool
    interval_s: int
    point_id: int

    @property
    def is_open(self) -> bool:
        """Whether nobody said what it is part of."""
        return self.parent_id is None and not self.is_parent_named

    @property
    def is_of_none(self) -> bool:
        """Whether the site's file says that it is part of none."""
        return self.parent_id is None and self.is_parent_named


def ask_for_mains(conn: Connection, scope: Scope, asked: Collection[int] = ()) -> list[Finding]:
    """Return a question for each meter that follows the sum of others of which nobody said what they are part of.

    Parameters
    ----------
    asked
        Copies that another check asks about.
    """
    if scope.asked_until is None:
        return []
    parameters = scope._asdict()
    meters = [_Meter(*row) for row in db.fetch_all(conn, _METERS, parameters)]
    if len(meters) < 2 or not any(meter.is_open for meter in meters):
        return []
    step_s = max(meter.interval_s for meter in meters)
    ids = [meter.meter_id for meter in meters]
    rows = db.copy_frame(
        conn,
        _READINGS,
        parameters | {"ids": ids, "step_s": step_s, "weeks": _WEEKS},
        dict.fromkeys(("meter_id", "place", "local_hour"), "int64") | {"kwh": "float64", "covered_s": "int64"},
    )
    if rows.empty:
        return []
    kwh, local_hours = _align(rows, ids, step_s)
    sums = find_sums(
        ids,
        kwh,
        local_hours,
        step_s,
        {meter.meter_id: meter.parent_id for meter in meters if meter.parent_id is not None},
        [meter.meter_id for meter in meters if meter.is_of_none],
        [meter.meter_id for meter in meters if meter.is_generation],
    )
    names = {meter.meter_id: meter.name for meter in meters}
    by_id = {meter.meter_id: meter for meter in meters}
    mains = sorted({proposal.main for proposal in sums.proposals})
    questions = [_ask([found for found in sums.proposals if found.main == main], names) for main in mains]
    return questions + [
        _ask_of_twins(twins, names)
        for twins in sums.twins
        # What is unclear within one point is asked about as such.
        if by_id[twins.first].point_id != by_id[twins.copy].point_id
        and by_id[twins.copy].is_open
        and not by_id[twins.first].is_of_none
        and twins.copy not in {*asked, *mains}
    ]


def _align(rows: pd.DataFrame, ids: list[int], step_s: int) -> tuple[Floats, Places]:
    """Return the energy of each meter (T, n) on one grid of time without gaps, and its local hours since a Monday."""
    place = rows["place"].to_numpy()
    first = int(place.min())
    size = int(place.max()) - first + 1
    kwh = np.full((size, len(ids)), np.nan)
    whole = rows["covered_s"].to_numpy() >= _WHOLE_RATIO * step_s
    column = np.searchsorted(np.array(ids), rows["meter_id"].to_numpy())
    kwh[place[whole] - first, column[whole]] = rows["kwh"].to_numpy()[whole]
    # Where no meter has a reading, the hour goes on from the last that is known.
    offset_h = np.zeros(size, dtype=np.int64)
    utc_h = (first + np.arange(size)) * step_s // _SECONDS_PER_HOUR
    known = place - first
    offset_h[known] = rows["local_hour"].to_numpy() - utc_h[known]
    has_row = np.zeros(size, dtype=bool)
    has_row[known] = True
    last = np.maximum.accumulate(np.where(has_row, np.arange(size), 0))
    return kwh, utc_h + offset_h[last] - _FIRST_MONDAY_H


def _ask(proposals: list[Proposal], names: dict[int, str]) -> Finding:
    """Return the question about one main, with the lines that answer it."""
    first = proposals[0]
    parts = [part for proposal in proposals for part in proposal.parts]
    listed = ", ".join(f"{names[part]} ({part})" for part in parts)
    text = (
        f"{names[first.main]} follows the sum of {listed} over {first.weeks:.1f} weeks, "
        f"{100 * first.cover_ratio:.0f} % of it, {first.confidence} confidence: if they are its parts, "
        "the total counts them twice"
    )
    lines = [line for proposal in proposals for part in proposal.parts for line in _lines(part, proposal, names)]
    example = {
        "main": first.main,
        "parts": parts,
        "cover_ratio": round(first.cover_ratio, 3),
        "fit": round(first.fit, 3),
        "weeks": round(first.weeks, 1),
        "confidence": str(first.confidence),
        "lines": lines,
    }
    return Finding(first.main, len(parts), text, [example], SEVERITY_WARN)


def _ask_of_twins(twins: Twins, names: dict[int, str]) -> Finding:
    first, copy = _quote(names[twins.first]), _quote(names[twins.copy])
    lines = ["[site]", f"exclude = [{twins.copy}]  # {copy}, a copy of {first}"]
    found = f"it follows {names[twins.first]} ({twins.first}) over {twins.weeks:.1f} weeks"
    text = f"{found}: two meters of one load count twice"
    return Finding(twins.copy, 1, text, [{"twin_channel_id": twins.first, "lines": lines}], SEVERITY_WARN)


def _lines(part: int, proposal: Proposal, names: dict[int, str]) -> tuple[str, str]:
    doubt = "" if proposal.confidence is Confidence.HIGH else '; less sure, or "" for none'
    return (
        f'[channels."{part}"]  # {_quote(names[part])}',
        f'parent = "{proposal.main}"  # {_quote(names[proposal.main])}{doubt}',
    )


def _quote(text: str) -> str:
    """Return a text as TOML quotes it, on one line."""
    return json.dumps(text, ensure_ascii=False)
