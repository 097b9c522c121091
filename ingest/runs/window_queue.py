"""The order in which a run asks for its windows: what gives no answer goes last, and starves nothing else. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lib.date_utils import Window

# After this many devices in a row without an answer the service itself may be down, so it is asked about the site.
SUSPICIOUS_DEVICES = 3


class Wanted(NamedTuple):
    """A stretch of one channel to ask for, short enough for one request."""

    channel_id: int
    window: Window
    interval_s: int


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

    A window without an answer is asked for once more after all others, and the rest of its channel waits for that. When
    nothing comes then either, the channel is given up for this run. The other channels of its device go to the end too.

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
        self._second: dict[int, Wanted] = {}  # channel → its window that is asked for once more
        self._hasty: set[Wanted] = set()  # first asked in haste
        self._silent: set[int] = set()  # devices that gave no answer since the last answer of any
        self._quiet: set[int] = set()  # devices whose latest ask had no answer
        self._is_silence = False  # nobody has answered since the service came under suspicion
        self._has_answer = False
        self.given_up: set[int] = set()  # channels without an answer to the second ask

    def take(self) -> Ask | None:
        """Return the next window to ask for, or None where none waits at present."""
        if not self._waiting:
            return None
        wanted = self._waiting.popleft()
        is_second = self._second.get(wanted.channel_id) == wanted
        if is_second:
            # Each channel is asked with patience once.
            return Ask(wanted, is_hasty=wanted not in self._hasty)
        is_hasty = self._is_silence or self._device_of[wanted.channel_id] in self._quiet
        if is_hasty:
            self._hasty.add(wanted)
        return Ask(wanted, is_hasty)

    def note_answer(self, channel_id: int) -> None:
        """Note that the service answered for a channel, be it with a refusal."""
        self._has_answer, self._is_silence = True, False
        self._silent.clear()
        self._quiet.discard(self._device_of[channel_id])
        self._second.pop(channel_id, None)
        self._waiting.extend(self._held.pop(channel_id, []))

    def note_silence(self, wanted: Wanted) -> list[Wanted]:
        """Note that no answer came for a window; return what else is given up now, which may be nothing."""
        channel_id = wanted.channel_id
        device = self._device_of[channel_id]
        self._silent.add(device)
        self._quiet.add(device)
        if channel_id in self.given_up:
            return []
        if self._second.get(channel_id) == wanted:
            return self._give_up(channel_id)
        self._put_last(device)
        rest = self._take_out({channel_id})
        if channel_id in self._second:  # asked side by side with the one that is to be asked again
            rest = [wanted, *rest]
        else:
            self._second[channel_id] = wanted
            self._waiting.append(wanted)
        self._held.setdefault(channel_id, []).extend(rest)
        return []

    def give_up_all(self) -> list[Wanted]:
        """Give up what is asked for a second time, where the service answered for no channel at all."""
        return [item for channel_id in list(self._second) for item in self._give_up(channel_id)]

    @property
    def is_suspicious(self) -> bool:
        """Whether so many devices gave no answer, since the last that did, that the service may be down."""
        return len(self._silent) >= min(SUSPICIOUS_DEVICES, len(set(self._device_of.values())))

    @property
    def is_fruitless(self) -> bool:
        """Whether every channel was asked, and none answered."""
        return (
            not self._has_answer
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
        return self._held.pop(channel_id, []) + self._take_out({channel_id})

    def _put_last(self, device: int) -> None:
        """Put the first asks of a device's channels behind all others."""
        channels = {key for key, of in self._device_of.items() if of == device and key not in self._second}
        last = self._take_out(channels)
        self._waiting.extend(last)

    def _take_out(self, channel_ids: Collection[int]) -> list[Wanted]:
        taken = [item for item in self._waiting if item.channel_id in channel_ids]
        self._waiting = deque(item for item in self._waiting if item.channel_id not in channel_ids)
        return taken
