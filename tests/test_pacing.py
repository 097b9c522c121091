"""The pacing limit: its rate, what a refusal does to it, and how it comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from ingest.eniscope.pacing import SLOWEST_RATE_PER_S, Pacer


class Clock:
    """A clock that only moves when somebody sleeps; `during_sleep` is run, once, in the middle of that."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now = 100.0
        self.late_s = late_s
        self.during_sleep: Callable[[], None] | None = None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if self.during_sleep is not None:
            self.during_sleep, action = None, self.during_sleep
            action()
        self.now += seconds + self.late_s


def make_pacer(rate: float, clock: Clock) -> Pacer:
    return Pacer(rate, clock=clock, sleep=clock.sleep)


def take(pacer: Pacer, count: int) -> list[float]:
    return [pacer.wait() for _ in range(count)]


def test_turns_come_at_the_rate() -> None:
    assert take(make_pacer(2.0, Clock()), 4) == [100.0, 100.5, 101.0, 101.5]


def test_no_rate_means_no_waiting() -> None:
    assert take(make_pacer(0.0, Clock()), 3) == [100.0] * 3


def test_waking_up_late_does_not_add_up() -> None:
    assert take(make_pacer(2.0, Clock(late_s=0.1)), 4) == pytest.approx([100.0, 100.6, 101.1, 101.6])


def test_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    pacer = make_pacer(2.0, clock)
    pacer.wait()
    clock.now += 60
    assert take(pacer, 3) == [160.0, 160.5, 161.0]


def test_refusal_silences_and_halves_at_once() -> None:
    clock = Clock()
    pacer = make_pacer(2.0, clock)
    pacer.slow_down(pacer.wait(), 10.0)
    assert pacer.rate == 1.0
    first, second, third = take(pacer, 3)
    # Each turn wins a hundredth of the 2 a second back.
    assert (first, second - first, third - second) == pytest.approx((110.0, 1 / 1.02, 1 / 1.04))


def test_requests_of_one_burst_halve_it_once() -> None:
    clock = Clock()
    pacer = make_pacer(8.0, clock)
    turns = take(pacer, 4)
    for turn in turns:
        pacer.slow_down(turn, 1.0)
    assert pacer.rate == 4.0
    pacer.slow_down(pacer.wait(), 1.0)
    assert pacer.rate == pytest.approx((4.0 + 0.08) / 2)


def test_rate_comes_back_slowly_and_not_beyond() -> None:
    pacer = make_pacer(2.0, Clock())
    pacer.slow_down(pacer.wait(), 0.0)
    take(pacer, 25)
    assert pacer.rate == pytest.approx(1.5)
    take(pacer, 100)
    assert pacer.rate == 2.0


def test_there_is_a_slowest_rate() -> None:
    pacer = make_pacer(1.0, Clock())
    for _ in range(40):
        pacer.slow_down(pacer.wait(), 0.0)
    assert SLOWEST_RATE_PER_S <= pacer.rate < 0.05


def test_service_without_a_configured_rate_shows_its_own() -> None:
    clock = Clock()
    pacer = make_pacer(0.0, clock)
    for _ in range(5):  # five turns in a second: four a second
        turn = pacer.wait()
        clock.now += 0.25
    pacer.slow_down(turn, 1.0)
    assert pacer.rate == 2.0
    take(pacer, 200)
    assert pacer.rate == 4.0


def test_who_waits_already_is_silenced_too() -> None:
    clock = Clock()
    pacer = make_pacer(2.0, clock)
    turn = pacer.wait()
    clock.during_sleep = lambda: pacer.slow_down(turn, 30.0)
    assert pacer.wait() == 130.0


def test_threads_share_one_limit() -> None:
    pacer = Pacer(200.0)
    turns: list[float] = []

    def ask() -> None:
        turns.extend(take(pacer, 10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    assert len(turns) == 80
    assert 79 / 200 <= seconds < 3 * 79 / 200  # the upper bound is for a busy machine; the benchmark holds 1.2
