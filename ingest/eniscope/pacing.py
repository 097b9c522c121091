"""One limit of requests a second across all threads: slower at once when the service asks for it, faster by and by."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Additive increase, multiplicative decrease, as TCP shares a line whose capacity nobody knows: Chiu and Jain,
# "Analysis of the increase and decrease algorithms for congestion avoidance" (1989).
SLOWDOWN_FACTOR = 0.5
RECOVERY_TURNS = 100  # turns without a refusal that win back the whole configured rate, half of it in half as many
SLOWEST_RATE_PER_S = 1.0 / 30.0
_TURNS_MEASURED = 20  # to tell how fast requests went where no rate is configured


class Pacer:
    """Gives turns to whoever asks, at a steady rate that a refusal halves and every further turn raises a little.

    All threads that ask one service with one key share one of these, and so share the limit.

    Parameters
    ----------
    requests_per_second
        The rate to keep to, and to come back to; 0 for none until the service refuses.
    clock, sleep
        For tests.
    """

    def __init__(
        self,
        requests_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ceiling = requests_per_second if requests_per_second > 0 else float("inf")
        self._rate = self._ceiling
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._queue = threading.Lock()  # held by the one who waits for the next turn; the others wait for this
        self._next_turn = float("-inf")
        self._last_slowdown = float("-inf")
        self._turns: deque[float] = deque(maxlen=_TURNS_MEASURED)

    @property
    def rate(self) -> float:
        """Requests a second at present."""
        return self._rate

    def wait(self) -> float:
        """Sleep until this caller's turn; return when that was, for `slow_down`."""
        with self._queue:
            due = self._next_turn
            while (now := self._clock()) < due:
                self._sleep(due - now)
                now = max(due, self._clock())
                if self._next_turn == due:
                    break  # slept long enough, unless somebody put the turn off meanwhile
                due = self._next_turn
            return self._take_turn(now)

    def _take_turn(self, now: float) -> float:
        with self._lock:
            self._rate = min(self._ceiling, self._rate + self._ceiling / RECOVERY_TURNS)
            spacing_s = 1.0 / self._rate
            # From when it was due, so that waking up late does not add up; time that nobody used is not saved up.
            is_idle = now - self._next_turn >= spacing_s
            self._next_turn = (now if is_idle else self._next_turn) + spacing_s
            self._turns.append(now)
            return now

    def slow_down(self, turn: float, seconds: float) -> None:
        """Give no turn to anyone for the next `seconds`, and fewer from then on.

        Parameters
        ----------
        turn
            When the refused request had its turn. Requests that were under way when the rate was last reduced say
            nothing about the new one, so they do not reduce it again.
        """
        with self._lock:
            now = self._clock()
            self._next_turn = max(self._next_turn, now + seconds)
            if turn <= self._last_slowdown:
                return
            self._last_slowdown = now
            if self._ceiling == float("inf"):
                # It has a limit after all, near the rate it was asked at.
                self._ceiling = self._measure_rate()
                self._rate = self._ceiling
            self._rate = max(self._rate * SLOWDOWN_FACTOR, min(SLOWEST_RATE_PER_S, self._ceiling))
        logger.info("the service asks for a slower pace: silent for %.0f s, then %.2g requests/s", seconds, self._rate)

    def _measure_rate(self) -> float:
        span_s = self._turns[-1] - self._turns[0] if self._turns else 0.0
        return (len(self._turns) - 1) / span_s if span_s > 0 else float("inf")

    def pause(self, seconds: float) -> None:
        """Make only this caller wait."""
        self._sleep(seconds)
