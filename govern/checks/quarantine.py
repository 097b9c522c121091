"""How far what a validation found reaches: a channel, its site, or no further than a warning. Pure.

A channel that a check blocks is quarantined: reports go out without it. Too much of a site in quarantine holds the
whole site back, for what is left no longer describes it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from config.limits import ValidationLimits
from lib.channel_names import describe_channel


class MeterEnergy(NamedTuple):
    """What an energy meter carries on a usual day, and the meter whose energy contains its own."""

    channel_id: int
    parent_id: int | None
    typical_kwh: float


class Blocked(NamedTuple):
    """A channel that a check blocks."""

    channel_id: int
    check_name: str
    finding: str
    hint: str
    channel_name: str | None = None


class Quarantine(NamedTuple):
    """A channel that is kept out of reports."""

    channel_id: int
    check_names: list[str]
    reason: str
    hint: str
    energy_share_pct: float | None
    channel_name: str | None = None

    @property
    def channel(self) -> str:
        """The channel by id and name."""
        names = {} if self.channel_name is None else {self.channel_id: self.channel_name}
        return describe_channel(self.channel_id, names)


def quarantine_channels(blocked: list[Blocked], meters: list[MeterEnergy]) -> list[Quarantine]:
    """Return one quarantine for each blocked channel, with its share of the site's energy."""
    site_kwh = site_energy_kwh(meters)
    typical = {meter.channel_id: meter.typical_kwh for meter in meters}
    by_channel: dict[int, list[Blocked]] = {}
    for item in blocked:
        by_channel.setdefault(item.channel_id, []).append(item)
    return [
        Quarantine(
            channel_id,
            [item.check_name for item in items],
            items[0].finding,
            items[0].hint,
            100 * typical.get(channel_id, 0.0) / site_kwh if site_kwh > 0 else None,
            items[0].channel_name,
        )
        for channel_id, items in sorted(by_channel.items())
    ]


def site_energy_kwh(meters: list[MeterEnergy]) -> float:
    """Return what the site uses on a usual day [kWh]: its topmost meters, or the meters below where those say more."""
    children: dict[int | None, list[MeterEnergy]] = {}
    parents = _parents(meters)
    for meter in meters:
        children.setdefault(parents.get(meter.channel_id), []).append(meter)

    def branch_kwh(meter: MeterEnergy) -> float:
        return max(meter.typical_kwh, sum(map(branch_kwh, children.get(meter.channel_id, []))))

    return math.fsum(map(branch_kwh, children.get(None, [])))


def quarantined_energy_pct(quarantines: list[Quarantine], meters: list[MeterEnergy]) -> float | None:
    """Return the share of the site's energy in quarantine [%], a sub-meter's within its quarantined main counted once.

    None when no meter says what the site uses.
    """
    if quarantines and any(item.energy_share_pct is None for item in quarantines):
        return None
    held = {item.channel_id for item in quarantines}
    parents = _parents(meters)
    return math.fsum(
        item.energy_share_pct or 0.0 for item in quarantines if not held & _ancestors(item.channel_id, parents)
    )


def describe_excess(quarantines: list[Quarantine], meters: list[MeterEnergy], limits: ValidationLimits) -> str | None:
    """Return in words that too much of the site is quarantined, or None when what is left may pass."""
    energy_meters = {meter.channel_id for meter in meters}
    held = energy_meters & {item.channel_id for item in quarantines}
    energy_pct = quarantined_energy_pct(quarantines, meters)
    meters_pct = 100 * len(held) / len(energy_meters) if energy_meters else 0.0
    too_much_energy = energy_pct is not None and energy_pct > limits.max_quarantined_energy_pct
    if not too_much_energy and meters_pct <= limits.max_quarantined_meters_pct:
        return None
    energy = "an unknown share" if energy_pct is None else f"{energy_pct:.0f} %"
    return (
        f"{len(held)} of {len(energy_meters)} meters with {energy} of the site's energy are quarantined "
        f"(at most {limits.max_quarantined_energy_pct:g} % of the energy and {limits.max_quarantined_meters_pct:g} % "
        f"of the meters may be): channel {quarantines[0].channel}: {quarantines[0].reason}"
    )


def _parents(meters: list[MeterEnergy]) -> dict[int, int]:
    """Return the parent of each meter that has one; a chain of parents that leads back to itself says nothing."""
    ids = {meter.channel_id for meter in meters}
    parents = {meter.channel_id: meter.parent_id for meter in meters if meter.parent_id in ids}
    known = {child: parent for child, parent in parents.items() if parent is not None}
    return {child: parent for child, parent in known.items() if child not in _ancestors(child, known)}


def _ancestors(channel_id: int, parents: dict[int, int]) -> set[int]:
    above: set[int] = set()
    while channel_id in parents and parents[channel_id] not in above:
        channel_id = parents[channel_id]
        above.add(channel_id)
    return above
