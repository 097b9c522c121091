"""Which fields to ask a channel for: learned from the values that came, not from what the service accepted. Pure.

The service refuses a set of fields as a whole (500 "Invalid Parameter"), and 500 is its catch-all too: one refusal is
no proof. It also accepts fields that the channel does not have, and answers null. So a channel has the fields in which
a value was seen; what was answered is asked for again; and the largest set is asked for again now and then:

- every `FULL_ASK_EVERY`, with the service's own list of the fields of the device's type;
- after a refusal in the next run, and if it is refused there too after 1, 2, 4, then 7 days (`RETRY_AFTER`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ingest.eniscope.normalize import EXTRA_FIELDS, FIELD_COLUMNS, METER_FIELDS, SENSOR_FIELDS
from lib.date_utils import Window

FULL_ASK_EVERY = timedelta(days=7)
_NIGHT = timedelta(hours=20)  # a nightly run may begin a little earlier than the one before
RETRY_AFTER = (timedelta(0), _NIGHT, _NIGHT + timedelta(days=1), _NIGHT + timedelta(days=3), FULL_ASK_EVERY)
# A set refused this often in a row, over two weeks, holds fields that the channel does not have.
MAX_REFUSALS = len(RETRY_AFTER)
MAX_REFUSALS_A_RUN = 2  # of one channel; then the run's other windows do without

FieldSet = tuple[str, ...]
_LEAST_FIELDS: FieldSet = ("E", "P")


@dataclass(frozen=True)
class ChannelFields:
    """What is known of a channel's fields, as `channels` keeps it.

    Attributes
    ----------
    seen
        Those in which a value was seen, ever.
    asked
        Those that were last asked for together and answered with values.
    full_ask_at
        When the largest set was last asked for; None where nothing was learned from values yet.
    refusals
        How many runs in a row it was refused in.
    reduced_since
        Since when fewer are answered than asked for, or than were seen; None where all are.
    refill_before
        Readings before this moment were asked for with fewer fields than the channel has; None where none were.
    """

    seen: FieldSet = ()
    asked: FieldSet = ()
    full_ask_at: datetime | None = None
    refusals: int = 0
    reduced_since: datetime | None = None
    refill_before: datetime | None = None

    @property
    def is_proven(self) -> bool:
        """Whether a value was seen since fields are learned from values."""
        return bool(self.seen) and self.full_ask_at is not None

    def is_full_ask_due(self, now: datetime) -> bool:
        """Tell whether it is time to ask for the largest set."""
        if self.full_ask_at is None:
            return True
        wait = RETRY_AFTER[min(self.refusals, MAX_REFUSALS) - 1] if self.refusals else FULL_ASK_EVERY
        is_of_fast_clock = self.full_ask_at > now + timedelta(days=1)
        return is_of_fast_clock or now >= self.full_ask_at + wait


@dataclass(frozen=True)
class FieldAsks:
    """The sets to try for one request, the likeliest first, each once.

    `full` is the largest, which is among them where it is due. A set that brings no value proves nothing unless
    `is_proven`: then the next one that holds another field is tried. `listed` are those that the service lists for the
    type of device; of the others a meter may lack `EXTRA_FIELDS` and lack nothing.
    """

    sets: tuple[FieldSet, ...]
    full: FieldSet
    is_proven: bool
    listed: FieldSet = ()


@dataclass(frozen=True)
class FieldAnswer:
    """How a channel answered for one window: the set answered, the fields that had a value, and the sets refused."""

    asked: FieldSet
    seen: FieldSet
    refused: tuple[FieldSet, ...] = ()


def plan_asks(state: ChannelFields, type_fields: FieldSet, *, is_due: bool) -> FieldAsks:
    """Return what to ask a channel for.

    Parameters
    ----------
    type_fields
        What the service lists for the type of device; empty where it does not.
    is_due
        Whether to ask for the largest set first.
    """
    is_sensor = bool(state.seen) and set(state.seen) <= set(SENSOR_FIELDS)
    default = SENSOR_FIELDS if is_sensor else (*METER_FIELDS, *EXTRA_FIELDS)
    full = in_order({*(type_fields or default), *state.seen, *state.asked})
    known = [state.asked, in_order(state.seen)]
    guesses = [type_fields, (*METER_FIELDS, *EXTRA_FIELDS), METER_FIELDS, _LEAST_FIELDS, SENSOR_FIELDS]
    sets = dict.fromkeys(fields for fields in ([full] if is_due else []) + known + guesses if fields)
    return FieldAsks(tuple(sets), full, state.is_proven, type_fields)


def learn(
    state: ChannelFields, before: ChannelFields, asks: FieldAsks, answer: FieldAnswer, window: Window, now: datetime
) -> ChannelFields:
    """Return what is known of a channel after an answer.

    Parameters
    ----------
    before
        What was known when the run began: a run counts as one refusal.
    now
        When the run began.
    """
    was_refused = bool(answer.refused)
    if not answer.seen:
        # Nothing was stored of it, so nothing of it lacks a field.
        return state if not was_refused else _reduced(state, before, frozenset(), None, now)
    seen = in_order({*(state.seen if state.is_proven else ()), *answer.seen})
    # What a first run stores was asked for just now, in full.
    has_grown = bool(before.seen) and not (state.is_proven and set(seen) <= set(state.seen))
    learned = replace(state, seen=seen, asked=answer.asked, full_ask_at=state.full_ask_at or now)
    if has_grown:
        learned = replace(learned, refill_before=_later(state.refill_before, window.start))
    is_full = set(plan_asks(learned, (), is_due=False).full if _is_other_kind(seen, asks.full) else asks.full)
    lacking = is_full - set(EXTRA_FIELDS).difference(seen, asks.listed) - set(answer.asked)
    lost = frozenset(seen) - set(answer.asked)
    if not lacking:
        is_asked = asks.full == asks.sets[0]
        return replace(learned, full_ask_at=now, refusals=0, reduced_since=None) if is_asked else learned
    if was_refused or lost:
        return _reduced(learned, before, lost, window, now, is_counted=was_refused)
    return learned


def _reduced(
    state: ChannelFields,
    before: ChannelFields,
    lost: Collection[str],
    stored: Window | None,
    now: datetime,
    *,
    is_counted: bool = True,
) -> ChannelFields:
    """Return the state of a channel of which fewer fields were answered than asked for.

    Parameters
    ----------
    stored
        Of which readings came without these fields; None where none came.
    """
    refusals = before.refusals + 1 if is_counted else state.refusals
    counted = replace(state, refusals=refusals, full_ask_at=now if is_counted else state.full_ask_at)
    if refusals >= MAX_REFUSALS and not lost:
        return replace(counted, reduced_since=None)  # it has no such fields
    return replace(
        counted,
        reduced_since=state.reduced_since or now,
        refill_before=_later(state.refill_before, stored.end) if stored else state.refill_before,
    )


def _is_other_kind(seen: Collection[str], full: Collection[str]) -> bool:
    """Tell whether the largest set was a guess at another kind of channel: a meter's fields, of a sensor."""
    return not set(seen) & set(full)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def in_order(fields: Iterable[str]) -> FieldSet:
    """Return the fields that we keep, in the order of our columns."""
    names = set(fields)
    return tuple(name for name in FIELD_COLUMNS if name in names)


class FieldBook:
    """What is known of the fields of a site's channels, as a run learns it.

    Parameters
    ----------
    states
        Channel id → what was known before the run.
    type_fields
        Device type → the fields that the service lists for it.
    now
        When the run began.
    """

    def __init__(self, states: Mapping[int, ChannelFields], type_fields: Mapping[int, FieldSet], now: datetime) -> None:
        self._before = dict(states)
        self._states = dict(states)
        self._type_fields = type_fields
        self._now = now
        self._refusals: dict[int, int] = {}

    def state_of(self, channel_id: int) -> ChannelFields:
        """Return what is known of a channel by now."""
        return self._states.get(channel_id, ChannelFields())

    def plan(self, channel_id: int, device_type_id: int | None) -> FieldAsks:
        """Return what to ask the channel for next."""
        before = self._before.get(channel_id, ChannelFields())
        type_fields = self._type_fields.get(device_type_id, ()) if device_type_id is not None else ()
        state = self.state_of(channel_id)
        if self._refusals.get(channel_id, 0) >= MAX_REFUSALS_A_RUN:
            return plan_asks(state, type_fields, is_due=False)
        return plan_asks(
            replace(state, asked=before.asked or state.asked), type_fields, is_due=before.is_full_ask_due(self._now)
        )

    def learn(self, channel_id: int, asks: FieldAsks, answer: FieldAnswer, window: Window) -> ChannelFields:
        """Take in an answer; return what is known of the channel now."""
        if answer.refused:
            self._refusals[channel_id] = self._refusals.get(channel_id, 0) + 1
        before = self._before.get(channel_id, ChannelFields())
        self._states[channel_id] = learn(self.state_of(channel_id), before, asks, answer, window, self._now)
        return self._states[channel_id]

    def note_late(self, channel_id: int, window: Window) -> ChannelFields:
        """Take in that values came late for readings at the start of a window: those before may lack them, too."""
        known = self.state_of(channel_id)
        self._states[channel_id] = replace(known, refill_before=_later(known.refill_before, window.start))
        return self._states[channel_id]
