"""The form of ``[shares]`` in a site's file: who pays which part of the bill."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from config.strict_toml import Refusal, Table, about

_CHANNEL_LIST = 'a list of names or ids of channels, such as ["Bakery", 162126]'
_MAX_NAME = 80  # of an owner, as a table has room for
OwnedChannel = Annotated[str | int, about("A channel's name or id", right="a channel's name or id")]


class DemandShare(StrEnum):
    """By what a demand charge is shared."""

    AT_PEAK = "at_peak"  # what each drew in the interval that is billed
    BY_ENERGY = "by_energy"  # of the month


class FixedShare(StrEnum):
    """By what charges are shared that depend on no use."""

    BY_ENERGY = "by_energy"  # of the month, what no owner's meter sees included
    EQUALLY = "equally"  # between the owners


class OwnerTable(Table, frozen=True, kw_only=True):
    """Somebody who pays a part of the bill: [shares.owners."Bakery"]."""

    meters: Annotated[
        tuple[OwnedChannel, ...],
        about("Theirs; of one below another each kWh is counted once, with the lower one", min_length=1,
              right=_CHANNEL_LIST),
    ]  # fmt: skip


class SharesTable(Table, frozen=True):
    """Whose part of the bill is whose: by sub-meter, tenant or group. The monthly summary tells it."""

    demand: Annotated[DemandShare, about("Demand charges: by what each drew at the billed peak, or by energy")] = (
        DemandShare.AT_PEAK
    )
    fixed: Annotated[FixedShare, about("Fixed and minimum charges: by energy, or equally between the owners")] = (
        FixedShare.BY_ENERGY
    )
    owners: Annotated[dict[str, OwnerTable], about("By the name of who pays")] = {}

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for name, owner in self.owners.items():
            if not (name.strip() and name.isprintable() and len(name) <= _MAX_NAME):
                raise Refusal(
                    "owners", f"should have names of 1 to {_MAX_NAME} characters on one line, not {name[:20]!r}"
                )
            for meter in map(str, owner.meters):
                if meter in seen:
                    raise Refusal(("owners", name, "meters"), f"should not have {meter!r}, for {seen[meter]!r} has it")
                seen[meter] = name
