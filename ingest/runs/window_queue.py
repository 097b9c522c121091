"""The order in which a run asks for its windows: what gives no answer goes last, and starves nothing else. Pure."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from lib.date_utils import Window, align_down

# What is asked for when a whole window had no answer, to tell a dead channel from a window that is too long or holds an
# interval over which the service stumbles; and the shortest part of such a window that is asked for by itself.
SHORTEST_PART = timedelta(hours=1)
# After this many devices in a row without an answer the service itself may be down, so it is asked about the site.
SUSPICIOUS_DEVICES = 3


class Wanted(NamedTuple):
    """A stretch of one channel to ask for, short enough for one request."""

    channel_id: int
    window: Window
    interval_s: int


def halves(wanted: Wanted) -> list[Wanted]:
    """Return the two halves of a stretch, on the grid of its intervals; nothing where it is too short for that."""
    (start, end), interval_s = wanted.window, wanted.interval_s
    if end - start <= max(SHORTEST_PART, timedelta(seconds=interval_s)):
        return []
    middle = align_down(start + (end - start) / 2, interval_s)
    return [wanted._replace(window=Window(*part)) for part in ((start, middle), (middle, end))]


class Ask(NamedTuple):
    """A window whose turn it is.

    Attributes
    ----------
    is_hasty
        Ask only once: where most likely nothing comes, repeating it would keep the others waiting.
    """

    wanted: Wanted
    is_hasty: bool


class WindowQueue:
    """Hands out windows, and learns which channels give no answer.

    A channel without an answer is asked once more after all others, for a short piece of what is wanted of it, and all
    its windows wait for that. When nothing comes then either, the channel is given up for this run. The other channels
    of its device go to the end too. A window without an answer though its channel answers is asked for in halves.

    Parameters
    ----------
    wanted
        The windows, in the order to ask for them.
    devices
        Channel → its device; a channel without one counts as a device of its own.
    """

    def __init__(self, wanted: Sequence[Wanted], devices: Mapping[int, int | None]) -> None:
        self._waiting = deque(wanted)
        self._device_of = {item.channel_id: devices.get(item.channel_id) or item.channel_id for item in wanted}
        self._held: dict[int, list[Wanted]] = {}  # channel → what waits for its second ask
        self._second: dict[int, Wanted] = {}  # channel → what it is asked for once more
        self._answers: Counter[int] = Counter()  # channel → how often it answered
        self._failed_at: dict[Wanted, int] = {}  # window without an answer → how often its channel had answered then
        self._patient: set[int] = set()  # channels that were asked with patience
        self._silent: set[int] = set()  # devices that gave no answer since the last answer of any
        self._quiet: set[int] = set()  # devices whose latest ask had no answer
        self._is_silence = False  # nobody has answered since the service came under suspicion
        self._has_answer = False
        self.given_up: set[int] = set()  # channels without an answer to the second ask
        self.refused: set[int] = set()  # channels that answer, but not for some short part

    def take(self) -> Ask | None:
        """Return the next window to ask for, or None where none waits at present."""
        if not self._waiting:
            return None
        wanted = self._waiting.popleft()
        is_hasty = self._is_hasty(wanted)
        if not is_hasty:
            self._patient.add(wanted.channel_id)
        return Ask(wanted, is_hasty)

    def _is_hasty(self, wanted: Wanted) -> bool:
        if self._second.get(wanted.channel_id) == wanted:
            return wanted.channel_id in self._patient  # each channel is asked with patience once
        # One that failed before is asked for in halves if it does again.
        may_be_halved = wanted in self._failed_at and bool(halves(wanted))
        return may_be_halved or self._is_silence or self._device_of[wanted.channel_id] in self._quiet

    def note_answer(self, wanted: Wanted) -> None:
        """Note that the service answered for a window, be it with a refusal of its channel."""
        channel_id = wanted.channel_id
        self._has_answer, self._is_silence = True, False
        self._answers[channel_id] += 1
        self._silent.clear()
        self._quiet.discard(self._device_of[channel_id])
        second = self._second.pop(channel_id, None)
        if second is not None and second in self._waiting:
            self._waiting.remove(second)
        self._waiting.extend(held for held in self._held.pop(channel_id, []) if held != wanted)

    def note_silence(self, wanted: Wanted) -> list[Wanted]:
        """Note that no answer came for a window; return what is given up now without having been asked for."""
        channel_id = wanted.channel_id
        device = self._device_of[channel_id]
        self._silent.add(device)
        self._quiet.add(device)
        if channel_id in self.given_up:
            return []
        if self._second.get(channel_id) == wanted:
            return self._give_up(channel_id)
        if self._answers[channel_id] > self._failed_at.get(wanted, self._answers[channel_id]):
            self._halve(wanted)
            return []
        self._failed_at[wanted] = self._answers[channel_id]
        self._put_last(device)
        self._hold(wanted)
        return []

    def note_refusal(self, wanted: Wanted) -> None:
        """Note that the service refuses a window though it answers for the channel."""
        self.note_answer(wanted)
        self._halve(wanted)

    def _halve(self, wanted: Wanted) -> None:
        parts = halves(wanted)
        if not parts:
            self.refused.add(wanted.channel_id)
        self._failed_at |= dict.fromkeys(parts, self._answers[wanted.channel_id])
        self._waiting.extend(parts)

    def _hold(self, wanted: Wanted) -> None:
        """Let a window and the others of its channel wait until the channel is asked once more."""
        channel_id = wanted.channel_id
        rest = self._take_out({channel_id})
        if self._second.get(channel_id) in rest:  # of two that were asked side by side, this is the later to fail
            rest.remove(self._second[channel_id])
            self._waiting.append(self._second[channel_id])
        if channel_id not in self._second:
            # Of another window where there is one: this one may hold what the service stumbles over.
            newest = max(rest or [wanted], key=lambda one: one.window.end)
            start, end = newest.window
            self._second[channel_id] = newest._replace(window=Window(max(start, end - SHORTEST_PART), end))
            self._waiting.append(self._second[channel_id])
        self._held.setdefault(channel_id, []).extend([wanted, *rest])

    @property
    def unasked(self) -> set[int]:
        """The channels of which windows wait for a second ask; at a run's end there are none."""
        return set(self._held)

    def give_up_all(self) -> list[Wanted]:
        """Give up every channel, where the service answered for none at all."""
        return [item for channel_id in list(self._second) for item in self._give_up(channel_id)]

    @property
    def is_suspicious(self) -> bool:
        """Whether so many devices gave no answer, since the last that did, that the service may be down."""
        return len(self._silent) >= min(SUSPICIOUS_DEVICES, len(set(self._device_of.values())))

    @property
    def is_fruitless(self) -> bool:
        """Whether every channel was asked, none answered, nor did so many devices when they were asked once more."""
        devices = {self._device_of[channel_id] for channel_id in self.given_up}
        return (
            not self._has_answer
            and len(devices) >= SUSPICIOUS_DEVICES
            and bool(self._waiting)
            and all(item == self._second.get(item.channel_id) for item in self._waiting)
        )

    def note_service_answers(self) -> None:
        """Note that the service is there; who is asked for the first time is asked in haste until one answers."""
        self._silent.clear()
        self._is_silence = True

    def _give_up(self, channel_id: int) -> list[Wanted]:
        self.given_up.add(channel_id)
        del self._second[channel_id]
        rest = self._held.pop(channel_id, []) + self._take_out({channel_id})
        return [item for item in rest if item not in self._failed_at]

    def _put_last(self, device: int) -> None:
        """Put the first asks of a device's channels behind all others."""
        channels = {key for key, of in self._device_of.items() if of == device and key not in self._second}
        last = self._take_out(channels)
        self._waiting.extend(last)

    def _take_out(self, channel_ids: Collection[int]) -> list[Wanted]:
        taken = [item for item in self._waiting if item.channel_id in channel_ids]
        self._waiting = deque(item for item in self._waiting if item.channel_id not in channel_ids)
        return taken
