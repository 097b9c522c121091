"""A made-up site and the truth about it: what a careful person who sees the same data could sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from benchmarks.claims.timeline import Kw, Timeline


class Recurrence(StrEnum):
    """How often a waste occurs, and so what may be said of it."""

    WEEKLY = "weekly"  # in the weeks before too: worth money a year
    NEW = "new"  # this week only, over three nights or more: worth this week's money
    ONCE = "once"  # one event
    ASKED = "asked"  # runs while closed in every week and may be needed: a question with its size
    OPEN = "open"  # the data can be read either way: may be told or asked, and never a year's money


@dataclass(frozen=True)
class Waste:
    """Avoidable energy of one meter in the report's week.

    Attributes
    ----------
    kwh
        What can be shown at most; a claim may exceed it by the judge's tolerance.
    least_kwh
        What a report must tell of it. None takes the judge's share of `kwh`; nothing has to be told of what is open.
    """

    meter: str
    recurrence: Recurrence
    kwh: float
    least_kwh: float | None = None


@dataclass(frozen=True)
class Truth:
    """What is so in the report's week, and what a report must and must not say. None is not judged.

    Attributes
    ----------
    why
        What the data show, and why no more and no less can be signed.
    wastes
        Avoidable energy; nothing else may be claimed.
    total_kwh, other_total_kwh
        Energy of the site, and another reading of "used" that is as right (gross of own generation, imported).
    total_tolerance
        Share of the total by which a report may differ, where a part of it can only be estimated.
    change_pct
        Of the week against like weeks.
    may_lack_change
        The report may also say that it cannot tell the change.
    is_comparable
        False where no week before is like this one: a change of more than `INCOMPARABLE_PCT` may not be told.
    peak_kw
        Highest mean power of the site in one interval.
    next_week_kwh
        Energy of the week after.
    must_name
        Meters that headline, risks or opportunities must name.
    must_find
        Meters that some finding must be about, however small it is printed.
    not_a_word
        Meters or words of which headline, risks, opportunities and believed quick wins may not speak.
    needs_at_least
        The total may be told as "at least" where the truth is higher.
    """

    why: str
    wastes: tuple[Waste, ...] = ()
    total_kwh: float | None = None
    other_total_kwh: tuple[float, ...] = ()
    total_tolerance: float = 0.03
    change_pct: float | None = None
    may_lack_change: bool = False
    is_comparable: bool = True
    peak_kw: float | None = None
    next_week_kwh: float | None = None
    must_name: tuple[str, ...] = ()
    must_find: tuple[str, ...] = ()
    not_a_word: tuple[str, ...] = ()
    needs_at_least: bool = False

    def kwh(self, *kinds: Recurrence) -> float:
        """Return the energy wasted in these ways."""
        return sum(waste.kwh for waste in self.wastes if waste.recurrence in kinds)


@dataclass(frozen=True)
class MadeUpSite:
    """What a pipeline is given of a site, and the truth.

    Attributes
    ----------
    kw
        Mean power that each meter reports by interval; NaN where it reports none.
    parents
        Sub-meter → the meter that holds its energy.
    temp_c
        Outdoor air, where weather is stored.
    energy_kwh
        Meters whose energy is not their power times hours: a counter that catches up.
    has_power
        False where the file has energy alone.
    """

    kind: str
    name: str
    time: Timeline
    kw: Mapping[str, Kw]
    toml: str
    truth: Truth
    parents: Mapping[str, str] = field(default_factory=dict)
    temp_c: Kw | None = None
    energy_kwh: Mapping[str, Kw] = field(default_factory=dict)
    has_power: bool = True

    def related(self, meter: str) -> set[str]:
        """Return a meter with all that its energy is part of, and all that are part of it."""
        above = {meter}
        while (parent := self.parents.get(meter)) is not None and parent not in above:
            above.add(parent)
            meter = parent
        return above

    def is_related(self, first: str, second: str) -> bool:
        """Return whether one meter's energy is part of the other's, or they are the same."""
        return first in self.related(second) or second in self.related(first)

    @property
    def has_demand_charge(self) -> bool:
        """Return whether the site is known to pay for its peak."""
        return "[tariff]" in self.toml and "demand" in self.toml


Scenario = Callable[[int], MadeUpSite]


def site_total(kw: Mapping[str, Kw], parents: Mapping[str, str], but: tuple[str, ...] = ()) -> Kw:
    """Return the sum of the meters that are part of no other."""
    return np.sum([values for name, values in kw.items() if name not in parents and name not in but], axis=0)
