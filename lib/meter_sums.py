"""Which meter is the sum of which others, told from their readings alone. Pure.

A main meter moves whenever one of its parts does, by as much: in a regression of its changes on those of all others,
each part has the coefficient 1, and what hangs elsewhere 0. What is not metered apart (the rest) moves on its own. What
all loads of a building share, the hours of the week, is taken out first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

HOURS_PER_WEEK = 168
_SECONDS_PER_HOUR = 3600
_FIRST_MONDAY_H = 4 * 24  # 5 January 1970 was one, in hours of 1970
_WHOLE_RATIO = 0.99  # of a step that readings cover
_HOURS_PER_DAY = 24
_MIN_WEEKS = 2.0  # of common readings: in fewer, loads look alike by chance
_MIN_SHARE = 0.7  # of the intervals in which a meter has a reading
_TWIN_SHARE = 0.99  # of the intervals in which two meters agree
_TWIN_RATIO = 1e-3  # real loads differ in the first digits
_COPY_COVER = 0.97  # of a meter in one other
_TOLERANCE_RATIO = 0.03  # meters and transformers of class 1: 2 % on either side, and readings that are rounded
_MIN_COVER, _HIGH_COVER, _MAX_COVER = 0.25, 0.6, 1.03  # of the main's energy in its parts
_MIN_T = 4.5  # errors between a part's coefficient and none
_MAX_ERROR = 0.22  # of a coefficient: a wider one tells nothing
_MAX_OFF = 0.12  # from 1
_MAX_WEEK_OFF = 0.35  # the same in single weeks
_MIN_HOLDING = 0.97  # of the intervals in which the main is no less than its parts
_MIN_FIT = 0.5  # of its changes that the parts explain
_MIN_FIT_OF_SEVERAL = 0.2
_MIN_FIT_OF_ONE = 0.8  # one part beside a restless rest may be a like load in the same weather
_HIGH_T, _HIGH_ERROR, _HIGH_OFF = 8.0, 0.1, 0.05
_MANY_PARTS = 3  # found for sure: most of the site hangs below it
_HIGH_PARTS = 2  # of a single one it is not known whether it is a part or a like load
_WEAK_T, _WEAK_OFF = 1.5, 0.25  # what is less sure: errors from 1, and how far
_LIKELY_T, _LIKELY_OFF = 2.5, 1.0  # of what is only likely: errors from 1, and how far
_LIKELY_COVER = 0.15
_DRAWN = (0.6, 1.5)  # coefficients of parts that share weather or hours with the rest
_FILLED_RATIO = 0.015  # of the main that may be left where parts fill it
_ROUNDS, _HUBER = 4, 1.345  # 95 % as efficient as least squares where errors are normal (Huber 1981)
_BLOCK_ROWS = 64
_LEAST_RATIO = 1e-10  # of the largest singular value: a smaller one is rounding
_NIGHT_H = (22, 4)
_NIGHT_RATIO = 0.01
_NOON_H = (11, 14)
_MIN_NOON_SHARE = 0.9  # of the intervals about noon: the sun knows no Sunday, and a dryer runs on few days


class Confidence(StrEnum):
    """How sure a proposal is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


def min_confidence(*grades: Confidence) -> Confidence:
    """Return the least sure of the grades."""
    return max(grades, key=list(Confidence).index)


class Proposal(NamedTuple):
    """A meter that follows the sum of others.

    `cover_ratio` is the share of its energy in the parts (with what generation brings), `fit` the share of its changes
    that these explain, `weeks` how long they were compared; `fed_by` are the meters of what generates behind it.
    """

    main: int
    parts: tuple[int, ...]
    cover_ratio: float
    fit: float
    weeks: float
    confidence: Confidence
    fed_by: tuple[int, ...] = ()


class Twins(NamedTuple):
    """Two meters with the same readings, or with those of one load."""

    first: int
    copy: int
    weeks: float


class Sums(NamedTuple):
    """What was found of a site."""

    proposals: tuple[Proposal, ...]
    twins: tuple[Twins, ...]


class _Site(NamedTuple):
    """The readings that can be compared: `kwh` (T, n), their week and hour of the week, and what generates."""

    ids: list[int]
    kwh: Floats
    week: Places
    hour: Places
    generates: Flags
    interval_s: int

    def weeks(self, rows: Flags) -> float:
        """Return how many weeks the chosen intervals make."""
        return float(rows.sum()) * self.interval_s / _SECONDS_PER_HOUR / HOURS_PER_WEEK


class Grid(NamedTuple):
    """Readings of several meters on one grid of time, without gaps between its steps.

    `kwh` (T, n) is the energy of each step and meter [kWh], NaN where it is not whole; `local_hours` (T,) are whole
    hours on the site's wall clock since a Monday's midnight.
    """

    ids: list[int]
    kwh: Floats
    local_hours: Places
    interval_s: int


def put_on_grid(readings: pd.DataFrame, ids: Sequence[int], tz: ZoneInfo) -> Grid:
    """Return readings on the grid of the longest interval among them; intervals beyond an hour are left out.

    Parameters
    ----------
    readings
        As `lib.readings.load_readings` gives them. Energy that is missing is taken from the power; of an interval with
        an export register too, for its energy may be what was imported.
    ids
        The meters, in the order of the columns.
    tz
        The site's zone.
    """
    import pandas as pd

    rows = readings[(readings["interval_s"] <= _SECONDS_PER_HOUR) & readings["channel_id"].isin(list(ids))]
    interval_s = rows["interval_s"].to_numpy()
    by_power = rows["power_kw"].to_numpy() * interval_s / _SECONDS_PER_HOUR
    energy = rows["energy_kwh"].to_numpy()
    if "exported_energy_kwh" in rows:
        energy = np.where((rows["exported_energy_kwh"].to_numpy() > 0) & ~np.isnan(by_power), by_power, energy)
    energy = np.where(np.isnan(energy), by_power, energy)
    known = ~np.isnan(energy)
    if not known.any():
        return Grid(
            list(ids), np.empty((0, len(ids)), dtype=np.float64), np.empty(0, dtype=np.int64), _SECONDS_PER_HOUR
        )
    step_s = int(interval_s[known].max())
    place = rows["interval_start"].to_numpy(dtype="datetime64[s]").astype("int64")[known] // step_s
    first, size = int(place.min()), int(place.max() - place.min()) + 1
    column = pd.Index(ids).get_indexer(rows["channel_id"])[known]
    cell, cells = (place - first) * len(ids) + column, size * len(ids)
    covered_s = np.bincount(cell, weights=interval_s[known], minlength=cells)
    total = np.bincount(cell, weights=energy[known], minlength=cells).astype(np.float64)
    kwh = np.where(covered_s >= _WHOLE_RATIO * step_s, total, np.nan).reshape(size, len(ids))
    starts = pd.to_datetime((first + np.arange(size)) * step_s, unit="s", utc=True).tz_convert(tz).tz_localize(None)
    local_hours = starts.to_numpy().astype("datetime64[h]").astype("int64") - _FIRST_MONDAY_H
    return Grid(list(ids), kwh, local_hours, step_s)


def find_sums(
    grid: Grid,
    parents: Mapping[int, int] | None = None,
    answered: Collection[int] = (),
    generation: Collection[int] = (),
) -> Sums:
    """Return the meters that follow the sum of others, the smallest first, and those that are copies.

    Meters that began too late for the whole of the grid are compared since then, two weeks or more. One without a
    reading in the last two weeks is the main of none: what replaced it is.

    Parameters
    ----------
    parents
        Part → main, as far as it is known: these are not proposed again, and their mains are more than they are.
    answered
        Meters of which it is known that they are part of none.
    generation
        Meters of which it is known that they generate; what follows the sun may, too.
    """
    found = _find_sums(grid, dict(parents or {}), answered, generation)
    young, since = _find_young(grid)
    if not young:
        return found
    known = dict(parents or {}) | {part: one.main for one in found.proposals for part in one.parts}
    cut = grid._replace(kwh=grid.kwh[since:], local_hours=grid.local_hours[since:])
    later = _find_sums(cut, known, {*answered, *(twins.copy for twins in found.twins)}, generation)
    return Sums(
        (*found.proposals, *(one for one in later.proposals if young & {one.main, *one.parts})),
        (*found.twins, *(one for one in later.twins if young & {one.first, one.copy})),
    )


def _find_young(grid: Grid) -> tuple[set[int], int]:
    """Return the meters with readings in too little of the grid but enough at its end, and the row since which."""
    known = ~np.isnan(grid.kwh)
    if not known.size:
        return set(), 0
    first = np.where(known.any(axis=0), known.argmax(axis=0), len(known))
    least, count = _least_rows(grid.interval_s), known.sum(axis=0)
    is_young = (count < _MIN_SHARE * len(known)) & (count >= np.maximum(least, _MIN_SHARE * (len(known) - first)))
    places = np.flatnonzero(is_young)
    return {grid.ids[n] for n in places.tolist()}, int(first[places].max(initial=0))


def _least_rows(interval_s: int) -> int:
    return round(_MIN_WEEKS * HOURS_PER_WEEK * _SECONDS_PER_HOUR / interval_s)


def _find_sums(grid: Grid, known: dict[int, int], answered: Collection[int], generation: Collection[int]) -> Sums:
    site, twins = _prepare(grid)
    _mark_generation(site, generation)
    copies = {twin.copy for twin in twins}
    has_ended: Flags = np.asarray(np.isnan(site.kwh[-_least_rows(grid.interval_s) :]).all(axis=0))
    proposals: list[Proposal] = []
    order = np.argsort(_mean(site.kwh), kind="stable").tolist()
    # Mains that generation feeds come last: what they import says little of their size.
    for is_fed in (False, True) if site.generates.any() else (False,):
        for place in order:
            main = site.ids[place]
            if (
                site.generates[place]
                or has_ended[place]
                or main in copies
                or any(one.main == main for one in proposals)
            ):
                continue
            free, parts = _find_candidates(site, place, known, {*answered, *copies})
            found = _test_main(site, place, free, parts, is_fed=is_fed)
            if not parts and len(found) == 1 and len(found[0].parts) == 1 and found[0].cover_ratio >= _COPY_COVER:
                # One part that is all of it: two meters of one load, of which none is the other's main.
                first, copy = sorted((main, found[0].parts[0]))
                twins.append(Twins(first, copy, found[0].weeks))
                copies.add(twins[-1].copy)
                continue
            for proposal in found:
                proposals.append(proposal)
                known |= dict.fromkeys(proposal.parts, main)
    return Sums(tuple(proposals), tuple(twins))


def find_likely_parts(
    grid: Grid,
    parents: Mapping[int, int],
    answered: Collection[int] = (),
    generation: Collection[int] = (),
    mains: Collection[int] = (),
) -> tuple[Proposal, ...]:
    """Return what may be a part besides what `find_sums` is sure enough of to ask about.

    First the mains most of which is not metered apart, so that their parts explain few of their changes, then single
    meters below known mains whose coefficient may be 1: of these the readings do not tell enough, and somebody has to.
    Arguments as `find_sums`, with its proposals among the `parents`.

    Parameters
    ----------
    mains
        Meters of which it is known, or likely by their names, that they are mains.
    """
    site, twins = _prepare(grid)
    _mark_generation(site, generation)
    known = dict(parents)
    closed = {*answered, *(twin.copy for twin in twins)}
    order = [place for place in np.argsort(_mean(site.kwh), kind="stable").tolist() if not site.generates[place]]
    found: list[Proposal] = []
    for place in order:
        if site.ids[place] not in closed and site.ids[place] not in known.values():
            found += _test_restless_main(site, place, known, closed)
            known |= {part: one.main for one in found for part in one.parts}
    best: dict[int, tuple[float, Proposal]] = {}
    for place in order:
        if site.ids[place] in {*known.values(), *mains} or _is_fed(site, place, known, closed):
            for evidence, proposal in _find_single_parts(site, place, known, closed):
                (part,) = proposal.parts
                best[part] = max(best.get(part, (evidence, proposal)), (evidence, proposal), key=lambda one: one[0])
    return (*found, *(proposal for _, proposal in best.values()))


def _find_candidates(
    site: _Site, place: int, known: Mapping[int, int], closed: Collection[int]
) -> tuple[list[int], list[int]]:
    """Return which places may hold a part of `place` that is not known yet, and which hold its known parts."""
    main = site.ids[place]
    above = _above(main, known)
    free = [
        other
        for other, key in enumerate(site.ids)
        if other != place and key not in known and key not in closed and key not in above and not site.generates[other]
    ]
    return free, [other for other, key in enumerate(site.ids) if known.get(key) == main]


def _gather_open(site: _Site, place: int, known: Mapping[int, int], closed: Collection[int]) -> _Solved | None:
    """Return the case of `place` beside all that may be its parts, with what feeds it."""
    free, parts = _find_candidates(site, place, known, closed)
    for is_fed in (True, False) if site.generates.any() else (False,):
        case = _gather(site, place, free, parts, is_fed=is_fed)
        if case is None or not case.change[:, 0].any():
            continue
        fit = _regress(case.change[:, 0], case.change[:, 1:])
        feeds = _find_feeds(case, fit)
        if is_fed == feeds.any():
            fed = case.kwh[:, feeds].sum(axis=1)
            return _Solved(case, fit, case.own + fed, case.total + fed)
    return None


def _is_fed(site: _Site, place: int, known: Mapping[int, int], closed: Collection[int]) -> bool:
    """Return whether generation lies behind the meter: then most of the site does, too."""
    solved = _gather_open(site, place, known, closed)
    return solved is not None and bool(_find_feeds(solved.case, solved.fit).any())


def _test_restless_main(site: _Site, place: int, known: Mapping[int, int], closed: Collection[int]) -> list[Proposal]:
    """Return the parts of a meter that move it for sure, though most of its changes are others'."""
    solved = _gather_open(site, place, known, closed)
    if solved is None:
        return []
    case, fit, own, total = solved
    is_smaller = case.kwh.mean(axis=0) <= (1 + _TOLERANCE_RATIO) * own.mean()
    clear = case.is_other & _is_clear(fit) & is_smaller
    is_clear = bool(clear.any())
    if not is_clear:
        clear = case.is_other & _looks_whole(fit) & is_smaller
    cover = float(case.kwh[:, clear].sum() / total.sum())
    if not _LIKELY_COVER <= cover < _COPY_COVER or not _holds(total, own - case.kwh[:, clear].sum(axis=1)):
        return []
    is_several = is_clear and cover >= _MIN_COVER and clear.sum() >= _HIGH_PARTS and _is_steady(site, case, clear)
    changes = case.change[:, 1:]
    left = case.change[:, 0] - changes[:, clear].sum(axis=1)
    explained = 1 - float(left @ left) / float(case.change[:, 0] @ case.change[:, 0])
    parts = tuple(site.ids[n] for n in case.columns[clear].tolist())
    grade = Confidence.MEDIUM if is_several else Confidence.LOW
    return [Proposal(site.ids[place], parts, cover, explained, site.weeks(case.rows), grade)]


def _find_single_parts(
    site: _Site, place: int, known: Mapping[int, int], closed: Collection[int]
) -> list[tuple[float, Proposal]]:
    """Return the meters that are rather parts of a known main than not, each with how much speaks for it."""
    solved = _gather_open(site, place, known, closed)
    if solved is None:
        return []
    case, fit, own, total = solved
    off, error = np.abs(fit.value - 1), np.maximum(fit.error, 1e-9)
    is_drawn = (off <= _LIKELY_OFF) & (fit.value >= _MIN_T * error)
    likely = case.is_other & ((off <= _LIKELY_T * error) | is_drawn)
    chosen = _fit_in(case, likely, np.zeros(likely.size, dtype=bool), own, total)
    evidence = (fit.value / error) ** 2 - (off / error) ** 2
    weeks = site.weeks(case.rows)
    return [
        (
            float(evidence[n]),
            Proposal(
                site.ids[place],
                (site.ids[int(case.columns[n])],),
                float(case.kwh[:, n].sum() / total.sum()),
                0.0,
                weeks,
                Confidence.LOW,
            ),
        )
        for n in np.flatnonzero(chosen).tolist()
    ]


def _above(key: int, parents: Mapping[int, int]) -> set[int]:
    above: set[int] = set()
    while key in parents and parents[key] not in above:
        key = parents[key]
        above.add(key)
    return above


def _prepare(grid: Grid) -> tuple[_Site, list[Twins]]:
    """Return the meters that have enough readings, and which of them are copies of another."""
    kwh, interval_s = grid.kwh, grid.interval_s
    known = ~np.isnan(kwh)
    enough = (known.sum(axis=0) >= _MIN_SHARE * len(kwh)) & (np.abs(np.where(known, kwh, 0.0)).sum(axis=0) > 0)
    enough &= known.sum(axis=0) * interval_s / _SECONDS_PER_HOUR >= _MIN_WEEKS * HOURS_PER_WEEK
    places = np.flatnonzero(enough)
    week, hour = grid.local_hours // HOURS_PER_WEEK, grid.local_hours % HOURS_PER_WEEK
    chosen = kwh[:, places]
    ids = [grid.ids[n] for n in places.tolist()]
    site = _Site(ids, chosen, week, hour, _follow_sun(chosen, hour), interval_s)
    return site, _find_twins(site)


def _mark_generation(site: _Site, generation: Collection[int]) -> None:
    """Mark what is known to generate, in the sign of most meters: some tell what is generated as negative."""
    site.generates[:] |= np.isin(site.ids, list(generation))
    site.kwh[:, site.generates & (_mean(site.kwh) < 0)] *= -1


def _follow_sun(kwh: Floats, hour: Places) -> Flags:
    """Return the meters that may generate.

    They have nothing by night and something nearly always about noon, be it little.
    """
    of_day, size = hour % _HOURS_PER_DAY, np.abs(kwh)
    is_night = (of_day >= _NIGHT_H[0]) | (of_day < _NIGHT_H[1])
    is_noon = (of_day >= _NOON_H[0]) & (of_day < _NOON_H[1])
    by_night, by_day, noon = _mean(size[is_night]), _mean(size[~is_night]), size[is_noon]
    runs = _mean(np.where(np.isnan(noon), np.nan, noon > _NIGHT_RATIO * by_day))
    return (by_night <= _NIGHT_RATIO * by_day) & (runs >= _MIN_NOON_SHARE)


def _mean(values: Floats) -> Floats:
    count = (~np.isnan(values)).sum(axis=0)
    return np.nansum(values, axis=0) / np.maximum(count, 1)


def _find_twins(site: _Site) -> list[Twins]:
    twins: list[Twins] = []
    for copy in range(len(site.ids)):
        for first in range(copy):
            both = ~np.isnan(site.kwh[:, first]) & ~np.isnan(site.kwh[:, copy])
            one, other = site.kwh[both, first], site.kwh[both, copy]
            moving = np.maximum(np.abs(one), np.abs(other)) > 0
            near = np.abs(one - other) <= _TWIN_RATIO * np.maximum(np.abs(one), np.abs(other))
            if moving.any() and site.weeks(both) >= _MIN_WEEKS and near[moving].mean() >= _TWIN_SHARE:
                twins.append(Twins(site.ids[first], site.ids[copy], site.weeks(both)))
                break
    return twins


def _changes(values: Floats, hour: Places) -> Floats:
    """Return the changes from each interval to the next (T - 1, k), less what is usual at that hour of the week."""
    change = np.diff(values, axis=0)
    known = ~np.isnan(change).any(axis=1)
    change, slot = change[known], hour[1:][known]
    count = np.maximum(np.bincount(slot, minlength=HOURS_PER_WEEK), 1)
    sums = [np.bincount(slot, weights=column, minlength=HOURS_PER_WEEK) for column in change.T]
    return change - (np.column_stack(sums) / count[:, None])[slot]


class _Fit(NamedTuple):
    """Coefficients of a regression and their errors, by column."""

    value: Floats
    error: Floats


def _regress(target: Floats, columns: Floats) -> _Fit:
    """Return the robust least squares of `target` (T,) on `columns` (T, k): single large changes weigh less."""
    scale = np.maximum(np.sqrt((columns**2).mean(axis=0)), 1e-12)
    scaled, weight = columns / scale, np.ones(target.size)
    freedom = max(target.size - columns.shape[1] - HOURS_PER_WEEK, 1)
    for _ in range(_ROUNDS):
        weighted = scaled * weight[:, None]
        inverse = _invert(_products(weighted, scaled))
        value = inverse @ np.einsum("ij,i->j", weighted, target)
        left = target - np.einsum("ij,j->i", scaled, value)
        spread = _HUBER * max(float(np.median(np.abs(left))) / 0.6745, 1e-12)
        error = np.sqrt(np.maximum(np.diag(inverse), 0.0) * float((weight * left) @ left) / freedom)
        weight = np.minimum(1.0, spread / np.maximum(np.abs(left), 1e-12))
    return _Fit(value / scale, error / scale)


def _products(left: Floats, right: Floats) -> Floats:
    """Return `left.T @ right` (k, m) of (T, k) and (T, m), in blocks of rows.

    Of the whole BLAS would make threads, whose waiting for each other takes many times what the product does. So it is
    with the product of a matrix and a vector, and with singular values.
    """
    whole = len(left) // _BLOCK_ROWS * _BLOCK_ROWS
    blocks = left[:whole].reshape(-1, _BLOCK_ROWS, left.shape[1]).transpose(0, 2, 1)
    product = np.matmul(blocks, right[:whole].reshape(-1, _BLOCK_ROWS, right.shape[1])).sum(axis=0)
    return product + left[whole:].T @ right[whole:]


def _invert(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric matrix, or the least one where columns say the same."""
    try:
        inverse = np.linalg.inv(matrix).astype(np.float64, copy=False)
    except np.linalg.LinAlgError:
        return _least_inverse(matrix)
    condition = float(np.abs(matrix).sum(axis=0).max() * np.abs(inverse).sum(axis=0).max())
    if condition * len(matrix) * _LEAST_RATIO < 1:
        return inverse
    return _least_inverse(matrix)


def _least_inverse(matrix: Floats) -> Floats:
    return np.linalg.pinv(matrix, rcond=_LEAST_RATIO, hermitian=True).astype(np.float64, copy=False)


class _Case(NamedTuple):
    """A meter that may be a main beside those that may be its parts or feed it, over their common intervals."""

    columns: Places  # of the others, in the site
    is_other: Flags  # no generation
    total: Floats  # (T,) what the meter has [kWh]
    own: Floats  # (T,) without its known parts
    kwh: Floats  # (T, k) of the others
    change: Floats  # (T - 1, 1 + k): of own and the others, less what is usual at the hour of the week
    rows: Flags


def _gather(site: _Site, place: int, free: list[int], known_parts: list[int], *, is_fed: bool) -> _Case | None:
    """Return the case of `place` beside the `free` ones that are no larger, None where too little is common."""
    generation = np.flatnonzero(site.generates) if is_fed else np.empty(0, dtype=np.int64)
    total = site.kwh[:, place]
    own = total - site.kwh[:, known_parts].sum(axis=1)
    if np.isnan(own).all():
        return None
    means = _mean(site.kwh)
    most = (1 + _TOLERANCE_RATIO) * (float(np.nanmean(own)) + float(means[generation].sum()))
    both = ~np.isnan(site.kwh) & ~np.isnan(own)[:, None]
    others = [n for n in free if means[n] <= most and both[:, n].mean() >= _MIN_SHARE]
    columns = np.array([*others, *generation], dtype=np.int64)
    values = np.column_stack([own, site.kwh[:, columns]])
    rows: Flags = np.asarray(~np.isnan(values).any(axis=1))
    if not others or site.weeks(rows) < _MIN_WEEKS:
        return None
    change = _changes(np.where(rows[:, None], values, np.nan), site.hour)
    is_other = np.arange(columns.size) < len(others)
    return _Case(columns, is_other, total[rows], own[rows], values[rows, 1:], change, rows)


class _Solved(NamedTuple):
    """A case with its coefficients; `own` and `total` with what generation brings [kWh]."""

    case: _Case
    fit: _Fit
    own: Floats
    total: Floats


def _find_feeds(case: _Case, fit: _Fit) -> Flags:
    """Return the generation that the meter draws less by."""
    near = np.abs(fit.value + 1) <= _MAX_OFF + 2 * fit.error
    return ~case.is_other & near & (fit.value <= -_MIN_T * fit.error)


def _is_clear(fit: _Fit) -> Flags:
    """Return which coefficients are 1 beyond doubt."""
    near = np.abs(fit.value - 1) <= _HIGH_OFF + 2 * fit.error
    return near & (fit.error <= _HIGH_ERROR) & (fit.value >= _HIGH_T * fit.error)


def _test_main(site: _Site, place: int, free: list[int], known_parts: list[int], *, is_fed: bool) -> list[Proposal]:
    """Return what `place` is the sum of, among the `free` ones, besides the parts that are known.

    Further proposals hold what is less sure: parts whose changes are small, or too regular to stand out.
    """
    case = _gather(site, place, free, known_parts, is_fed=is_fed)
    if case is None or not case.change[:, 0].any():
        return []
    fit = _regress(case.change[:, 0], case.change[:, 1:])
    feeds = _find_feeds(case, fit)
    if is_fed != feeds.any():
        return []
    fed = case.kwh[:, feeds].sum(axis=1)
    own, total = case.own + fed, case.total + fed
    sure = case.is_other & _looks_whole(fit) & (case.kwh.mean(axis=0) <= (1 + _TOLERANCE_RATIO) * own.mean())
    if not sure.any() or not _holds(total, own - case.kwh[:, sure].sum(axis=1)):
        return []
    less_sure = _add_weak(case, fit, sure, own, total)
    rest = own - case.kwh[:, sure | less_sure].sum(axis=1)
    cover = 1 - float(rest.sum() / total.sum())
    if not _MIN_COVER <= cover <= _MAX_COVER:
        return []
    changes = case.change[:, 1:]
    left = case.change[:, 0] - changes[:, sure].sum(axis=1) + changes[:, feeds].sum(axis=1)
    explained = 1 - float(left @ left) / float(case.change[:, 0] @ case.change[:, 0])
    are_several = sure.sum() + len(known_parts) >= _HIGH_PARTS
    if explained < (_MIN_FIT_OF_SEVERAL if are_several else _MIN_FIT_OF_ONE):
        return []
    steady = _is_steady(site, case, sure)
    is_high = are_several and cover >= _HIGH_COVER and explained >= _MIN_FIT
    grade = Confidence.LOW if not steady else Confidence.HIGH if is_high else Confidence.MEDIUM
    clear = sure & _is_clear(fit)
    sources = tuple(site.ids[n] for n in case.columns[feeds].tolist())
    found = []
    for chosen, confidence in (
        (clear, grade),
        (sure & ~clear, min_confidence(grade, Confidence.MEDIUM)),
        (less_sure, Confidence.LOW),
    ):
        parts = tuple(site.ids[n] for n in case.columns[chosen].tolist())
        if parts:
            found.append(Proposal(site.ids[place], parts, cover, explained, site.weeks(case.rows), confidence, sources))
    return found


def _add_weak(case: _Case, fit: _Fit, sure: Flags, own: Floats, total: Floats) -> Flags:
    """Return the parts beside the sure ones that fit: their schedule says so, or they fill what is left of the main."""
    free = case.is_other & ~sure
    # What shares its weather or hours with the rest of the main has a coefficient beside 1.
    is_drawn = (fit.value >= _DRAWN[0]) & (fit.value <= _DRAWN[1]) & (fit.value >= _MIN_T * fit.error)
    # Too small to be told by itself: where most of a site hangs below one main, nearer to 1 than to 0 is enough to ask.
    is_likely = (fit.error > _MAX_ERROR) & (np.abs(fit.value - 1) < 0.5) & (sure.sum() >= _MANY_PARTS)
    weak = _fit_in(case, free & (is_drawn | is_likely | _may_be_whole(fit, case)), sure, own, total)
    unknown = free & ~weak & (fit.error > _MAX_ERROR) & (np.abs(fit.value - 1) <= _WEAK_T * fit.error)
    filling = _fit_in(case, unknown, sure | weak, own, total)
    before = own - case.kwh[:, sure | weak].sum(axis=1)
    after = before - case.kwh[:, filling].sum(axis=1)
    least = np.abs(after).mean()
    is_filled = least <= _FILLED_RATIO * total.mean() and 2 * least <= np.abs(before).mean()
    return weak | filling if is_filled else weak


def _looks_whole(fit: _Fit) -> Flags:
    """Return which coefficients are 1 and not 0."""
    return (
        (fit.value >= _MIN_T * fit.error)
        & (fit.error <= _MAX_ERROR)
        & (np.abs(fit.value - 1) <= _MAX_OFF + 2 * fit.error)
    )


def _may_be_whole(fit: _Fit, case: _Case) -> Flags:
    """Return which coefficients may be 1 and hardly 0, with the hours of the week in the changes too."""
    change = np.diff(np.column_stack([case.own, case.kwh]), axis=0)
    change -= change.mean(axis=0)
    raw = _regress(change[:, 0], change[:, 1:])
    agrees = np.abs(fit.value - 1) <= _WEAK_T * fit.error
    near = np.abs(raw.value - 1) <= _WEAK_OFF + 2 * raw.error
    return agrees & near & (raw.value >= 0.5 + _WEAK_T * raw.error)


def _holds(total: Floats, rest: Floats) -> bool:
    """Return whether a main is no less than its parts, in nearly all intervals."""
    least = -_TOLERANCE_RATIO * np.abs(total) - 1e-6 * float(np.abs(total).max())
    return bool((rest >= least).mean() >= _MIN_HOLDING)


def _fit_in(case: _Case, candidates: Flags, sure: Flags, own: Floats, total: Floats) -> Flags:
    """Return the candidates that fit beside the sure parts, the largest first."""
    chosen = np.zeros(candidates.size, dtype=bool)
    places = np.flatnonzero(candidates)
    for place in places[np.argsort(-case.kwh[:, places].mean(axis=0), kind="stable")].tolist():
        chosen[place] = True
        chosen[place] = _holds(total, own - case.kwh[:, sure | chosen].sum(axis=1))
    return chosen


def _is_steady(site: _Site, case: _Case, is_part: Flags) -> bool:
    """Return whether every part has its coefficient in each week that is nearly whole."""
    size = HOURS_PER_WEEK * _SECONDS_PER_HOUR // site.interval_s
    week = site.week[case.rows]
    for one in np.unique(week).tolist():
        of_week = week == one
        if of_week.sum() < _MIN_SHARE * size:
            continue
        change = np.diff(np.column_stack([case.own, case.kwh])[of_week], axis=0)
        change -= change.mean(axis=0)
        fit = _regress(change[:, 0], change[:, 1:])
        if (np.abs(fit.value - 1) > _MAX_WEEK_OFF + 2 * fit.error)[is_part].any():
            return False
    return True
