"""Asks which meter is the main of which others, where their readings say so and nobody did.

The service does not tell what is part of what. A main meter beside its parts counts their energy twice.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from govern.checks.reader import SCOPE_CHANNEL, SEVERITY_WARN, Check
from govern.checks.verdict import Finding, Scope
from lib import db
from lib.date_utils import Window, parse_timezone
from lib.readings import load_readings
from lib.toml_text import quote

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from lib.meter_sums import Grid, Proposal, Twins

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

_METERS = """
SELECT meter_id, meter_name, parent_meter_id, is_parent_named, kind, point_id
FROM v_meters
WHERE site_id = %(site_id)s AND is_energy_meter AND is_counted AND interval_s <= 3600
    AND coalesce(kind, '') <> 'storage' AND coalesce(uninstalled_at > %(asked_until)s, true)
ORDER BY meter_id
"""


class _Meter(NamedTuple):
    meter_id: int
    name: str
    parent_id: int | None
    is_parent_named: bool
    kind: str | None
    point_id: int

    @property
    def is_open(self) -> bool:
        """Whether nobody said what it is part of."""
        return self.parent_id is None and not self.is_parent_named

    @property
    def is_generation(self) -> bool:
        """Whether the site's file says that it generates."""
        return self.kind == "generation"

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
    meters = [_Meter(*row) for row in db.fetch_all(conn, _METERS, scope._asdict())]
    if len(meters) < 2 or not any(meter.is_open for meter in meters):
        return []
    ids = [meter.meter_id for meter in meters]
    since = max(scope.lookback_start, scope.asked_until - timedelta(weeks=_WEEKS))
    from lib.meter_sums import find_sums, put_on_grid  # here, for they need numpy

    rows = load_readings(conn, scope.site_id, Window(since, scope.asked_until), ids)
    if rows.empty:
        return []
    # No more of the view than is needed: whether it keeps its contract is for another check to say.
    ((zone,),) = db.fetch_all(conn, "SELECT timezone FROM v_sites WHERE site_id = %s", (scope.site_id,))
    grid = put_on_grid(rows, ids, parse_timezone(zone))
    sums = find_sums(
        grid,
        {meter.meter_id: meter.parent_id for meter in meters if meter.parent_id is not None},
        [meter.meter_id for meter in meters if meter.is_of_none],
        [meter.meter_id for meter in meters if meter.is_generation],
    )
    names = {meter.meter_id: meter.name for meter in meters}
    by_id = {meter.meter_id: meter for meter in meters}
    mains = sorted({proposal.main for proposal in sums.proposals})
    questions = [_ask([found for found in sums.proposals if found.main == main], names) for main in mains]
    parts = {part for proposal in sums.proposals for part in proposal.parts}
    questions += _ask_of_connections(meters, grid, {*mains, *parts})
    return questions + [
        _ask_of_twins(twins, names)
        for twins in sums.twins
        # What is unclear within one point is asked about as such.
        if by_id[twins.first].point_id != by_id[twins.copy].point_id
        and by_id[twins.copy].is_open
        and not by_id[twins.first].is_of_none
        and twins.copy not in {*asked, *mains}
    ]


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


def _find_flows(grid: Grid) -> tuple[set[int], set[int]]:
    """Return the meters through which energy goes both ways on several days, and those that follow the sun."""
    import numpy as np

    from lib.energy_flows import find_flows

    row, place = np.nonzero(~np.isnan(grid.kwh))
    if not row.size:
        return set(), set()
    hours = np.full(row.size, grid.interval_s / 3600)
    flows = find_flows(place, len(grid.ids), grid.local_hours[row], grid.kwh[row, place] / hours, hours)
    both_ways, sun = (np.flatnonzero(flags).tolist() for flags in (flows.goes_both_ways, flows.follows_sun))
    return {grid.ids[n] for n in both_ways}, {grid.ids[n] for n in sun}


def _ask_of_connections(meters: list[_Meter], grid: Grid, asked: Collection[int]) -> list[Finding]:
    """Return a question for each meter that feeds in and of which nobody said what it is, or what lies behind it.

    What generates behind it may have no meter: then no sum shows its parts.
    """
    both_ways, sun = _find_flows(grid)
    others = [
        meter
        for meter in meters
        if meter.is_open and not meter.is_generation and meter.meter_id not in both_ways | sun | {*asked}
    ]
    return [
        _ask_of_connection(main, others)
        for main in meters
        if others and main.meter_id in both_ways - {*asked} and main.is_open and main.kind in (None, "main")
    ]


def _ask_of_connection(main: _Meter, others: list[_Meter]) -> Finding:
    name = quote(main.name)
    text = (
        f"energy goes both ways through {main.name}: it may be the connection of other meters, and then the total "
        "counts them twice"
    )
    lines = [f'[channels."{main.meter_id}"]  # {name}', 'kind = "main"  # or "storage", if it is a battery']
    for other in others:
        lines += [
            f'[channels."{other.meter_id}"]  # {quote(other.name)}',
            f'parent = "{main.meter_id}"  # {name}; less sure, or "" for none',
        ]
    example = {"main": main.meter_id, "parts": [other.meter_id for other in others], "lines": lines}
    return Finding(main.meter_id, len(others), text, [example], SEVERITY_WARN)


def _ask_of_twins(twins: Twins, names: dict[int, str]) -> Finding:
    first, copy = quote(names[twins.first]), quote(names[twins.copy])
    lines = ["[site]", f"exclude = [{twins.copy}]  # {copy}, a copy of {first}"]
    followed = f"{names[twins.copy]} follows {names[twins.first]} ({twins.first})"
    text = f"{followed} over {twins.weeks:.1f} weeks: two meters of one load count twice"
    return Finding(twins.copy, 1, text, [{"twin_channel_id": twins.first, "lines": lines}], SEVERITY_WARN)


def _lines(part: int, proposal: Proposal, names: dict[int, str]) -> tuple[str, str]:
    from lib.meter_sums import Confidence

    doubt = "" if proposal.confidence is Confidence.HIGH else '; less sure, or "" for none'
    return (
        f'[channels."{part}"]  # {quote(names[part])}',
        f'parent = "{proposal.main}"  # {quote(names[proposal.main])}{doubt}',
    )
