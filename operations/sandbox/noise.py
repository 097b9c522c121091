"""Repeatable randomness with random access: every value is a pure function of a key and a position in time.

A generator that keeps a state would have to be run from the beginning to know one minute of last year. Here a hash of
(key, index) is the random number, so any stretch can be computed alone and always comes out the same.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]  # by field, and the starts as `ts` [s]
Ints = npt.NDArray[np.int64]

# The constants of SplitMix64: Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators",
# OOPSLA '14, doi:10.1145/2660193.2660195.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_SHIFT_30, _SHIFT_27, _SHIFT_31, _SHIFT_11 = (np.uint64(bits) for bits in (30, 27, 31, 11))


class Events(NamedTuple):
    """Which event each minute belongs to: at most one event per slot, wholly inside it."""

    is_on: npt.NDArray[np.bool_]
    elapsed_min: Ints
    length_min: Floats
    draw: Floats  # one more uniform number of each event, for its power


def make_key(seed: int, *names: str | int) -> np.uint64:
    """Return the key of one independent stream of random numbers."""
    text = "/".join(str(part) for part in (seed, *names))
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def uniform(key: np.uint64, index: Ints) -> Floats:
    """Return a number in [0, 1) for every index."""
    mixed = index.astype(np.uint64) * _GAMMA + key
    mixed = (mixed ^ (mixed >> _SHIFT_30)) * _MIX_1
    mixed = (mixed ^ (mixed >> _SHIFT_27)) * _MIX_2
    mixed ^= mixed >> _SHIFT_31
    return (mixed >> _SHIFT_11).astype(np.float64) * 2.0**-53


def jitter(key: np.uint64, index: Ints) -> Floats:
    """Return a number in [−1, 1) for every index."""
    return 2.0 * uniform(key, index) - 1.0


def smooth_step(share: Floats) -> Floats:
    """Return 0 below 0, 1 above 1, and an S-curve between."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def smooth_noise(key: np.uint64, minutes: Ints, period_min: int) -> Floats:
    """Return a continuous random curve within [−1, 1] whose anchors lie `period_min` minutes apart."""
    slot, within = np.divmod(minutes, period_min)
    first = slot.min()
    anchors = jitter(key, np.arange(first, slot.max() + 2))
    position = slot - first
    low = anchors[position]
    return low + (anchors[position + 1] - low) * smooth_step(within / period_min)


def cycle(
    key: np.uint64, minutes: Ints, duty_ratio: Floats | float, period_min: int, spread: float
) -> npt.NDArray[np.bool_]:
    """Return when a thermostat's switch is on.

    Parameters
    ----------
    duty_ratio
        Share of the time that the switch is to be on.
    period_min
        Length of a cycle [minutes].
    spread
        How far a cycle's on-time strays from the duty, relative: 0.3 is ±30 %.
    """
    slot, within = np.divmod(minutes, period_min)
    first = slot.min()
    stray = (1.0 + spread * jitter(key, np.arange(first, slot.max() + 1)))[slot - first]
    return (within + 0.5) / period_min < duty_ratio * stray


def slot_events(
    key: np.uint64,
    minutes: Ints,
    slot_min: int,
    chance_ratio: Floats | float,
    start_min: tuple[int, int],
    length_min: tuple[float, float],
) -> Events:
    """Return the events of a load that runs at most once per slot, such as a dryer once a day.

    Parameters
    ----------
    minutes
        Minutes since the epoch, on whichever clock the slots follow.
    slot_min
        Length of a slot [minutes].
    chance_ratio
        Probability of an event, for every minute as it would be if the slot were like that minute; it should not
        change within a slot.
    start_min
        Earliest and latest start within the slot [minutes].
    length_min
        Shortest and longest event [minutes]; an event ends with its slot.
    """
    slot, within = np.divmod(minutes, slot_min)
    first = slot.min()
    index = np.arange(first, slot.max() + 1) * 4
    position = slot - first
    begin = np.floor(start_min[0] + (start_min[1] - start_min[0]) * uniform(key, index + 1))[position]
    length = (length_min[0] + (length_min[1] - length_min[0]) * uniform(key, index + 2))[position]
    elapsed = within - begin.astype(np.int64)
    happens = uniform(key, index)[position] < chance_ratio
    return Events(happens & (elapsed >= 0) & (elapsed < length), elapsed, length, uniform(key, index + 3)[position])
