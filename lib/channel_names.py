"""Finds the channel that an operator means by name or id, and names channels by both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from lib.errors import UsageError
from lib.logs import clean_text

CHANNEL_HELP = "name or id"
_MAX_SHOWN = 20


def match_channels(said: str, names: Mapping[int, str]) -> list[int]:
    """Return the channels that `said` may mean, in order: the one of that id, else those of that name.

    An id goes above a name of the same digits. A name that differs only in capitals is taken where no other fits.
    """
    said = said.strip()
    if said.isascii() and said.isdigit() and int(said) in names:
        return [int(said)]
    exact = [channel_id for channel_id, name in sorted(names.items()) if name.strip() == said]
    folded = said.casefold()
    return exact or [key for key, name in sorted(names.items()) if name.strip().casefold() == folded]


def find_channel(said: str, names: Mapping[int, str], where: str, option: str = "--channel") -> int:
    """Return the id of the one channel that `said` means.

    Parameters
    ----------
    names
        Channel id → name, of all channels that can be meant.
    where, option
        Where they are, such as ``site 23271``, and the option that said it; for messages.

    Raises
    ------
    UsageError
        When no channel is called so, or more than one; it names those there are.
    """
    found = match_channels(said, names)
    if len(found) == 1:
        return found[0]
    if found:
        which = describe_channels(found, names)
        raise UsageError(f"{where} has {len(found)} channels named {clean_text(said)!r}: {which}; give the id")
    near = get_close_matches(said, names.values(), n=3)
    known = [key for key, name in sorted(names.items()) if name in near] or sorted(names)
    what = "did you mean" if near else "its channels are" if names else "it has none"
    listed = f"{what} {describe_channels(known, names)}".rstrip()
    raise UsageError(f"{where} has no channel {clean_text(said)!r}; {listed} (check {option})")


def describe_channel(channel_id: int, names: Mapping[int, str]) -> str:
    """Return ``162126 'AHU-2'``: a channel's id, and its name where it is known."""
    name = names.get(channel_id)
    return str(channel_id) if name is None else f"{channel_id} {clean_text(name)!r}"


def describe_channels(channel_ids: Iterable[int], names: Mapping[int, str]) -> str:
    """Return the channels in words, each as `describe_channel` has it; of very many the first."""
    shown = [describe_channel(channel_id, names) for channel_id in channel_ids]
    more = len(shown) - _MAX_SHOWN
    return ", ".join(shown[:_MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
