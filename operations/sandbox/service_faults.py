"""What goes wrong with the service itself, on purpose: which request suffers which fault.

Faults are drawn by (seed, request, how often it was asked before), so the same requests meet the same ones in whatever
order they come. The same request is struck only a few times in a row: who tries again gets through.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from operations.sandbox.fault_kinds import (
    BURSTS,
    FIELD_SETS,
    FIELDS_REFUSED,
    KINDS,
    LASTING,
    LISTS,
    READINGS,
    TOKEN,
    FaultMix,
    parse_faults,
)
from operations.sandbox.replies import ServiceError

# Refusals, as (status, reason, headers).
REFUSALS: dict[str, tuple[int, str, dict[str, str]]] = {
    "402": (402, "Subscription Expired", {}),
    "403": (403, "Forbidden", {}),
    "409": (409, "Conflict", {}),
    "412": (412, "Precondition Failed", {}),
    "429": (429, "Too Many Requests", {}),
    "429_retry_after": (429, "Too Many Requests", {"Retry-After": "1"}),
    "500": (500, "Internal Server Error", {}),
    "502": (502, "Bad Gateway", {}),
    "503": (503, "Service Unavailable", {}),
    "channel_gone": (404, "Not found – channel", {}),
    FIELDS_REFUSED: (500, "Invalid Parameter", {}),
}
TOKEN_REFUSALS: dict[str, tuple[int, str]] = {
    "expired_token": (419, "Authentication Timeout"),
    "refused_token": (401, "Unknown Token"),
}

MOST_HITS_IN_A_ROW = 2
DEFAULT_HANG_S = 35.0  # just beyond the 30 s at which clients commonly give up
CLOCK_ERROR_S = 7 * 60
_FEW_FIELDS = 2


class FaultPlan:
    """Decides which request goes wrong, and how.

    Parameters
    ----------
    rates
        Kind → share of the requests that it strikes; a lasting fault is on when its share is above 0.
    seed
        Chooses which requests those are.
    limits
        Kind → how often at most.
    hits_in_a_row
        How often at most the same request is struck before it gets through.
    force
        Kinds for the next requests, one each, before `rates` apply; None lets a request pass. For tests.
    force_path
        Beginning of the paths that `force` concerns, such as ``/readings``; others pass meanwhile.
    hang_s
        Length of the silence of a hanging reply [s].
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        seed: int = 0,
        *,
        limits: Mapping[str, int] | None = None,
        hits_in_a_row: int = MOST_HITS_IN_A_ROW,
        force: Sequence[str | None] = (),
        force_path: str = "/",
        hang_s: float = DEFAULT_HANG_S,
    ) -> None:
        self.rates, self.limits, self.hang_s = dict(rates or {}), dict(limits or {}), hang_s
        if unknown := {*self.rates, *self.limits, *filter(None, force)} - {*KINDS}:
            raise ValueError(f"unknown faults {sorted(unknown)}; known are {', '.join(KINDS)}")
        self.counts: Counter[str] = Counter()
        self.lasting = FaultMix(self.rates, self.limits).lasting
        self._seed, self._force, self._force_path = seed, list(force), force_path
        self._hits_in_a_row = hits_in_a_row
        self._asked: Counter[str] = Counter()
        self._hits_by_request: Counter[str] = Counter()
        self._drawn: Counter[str] = Counter()
        self._burst: deque[str] = deque()
        self._lock = threading.Lock()

    def choose(self, path: str, request_key: str, *, has_token: bool) -> str | None:
        """Return the fault that the next request suffers, if any.

        Parameters
        ----------
        path
            Path without the version prefix.
        request_key
            Method and URL: what makes two requests the same.
        has_token
            Whether it bears a token, and so can lose it.
        """
        with self._lock:
            self._asked[request_key] += 1
            if self._force:
                if not path.startswith(self._force_path):
                    return None
                kind = self._force.pop(0)
            elif self._hits_by_request[request_key] >= self._hits_in_a_row:
                kind = None
            else:
                kind = self._burst.popleft() if self._burst else self._draw(path, request_key, has_token)
            if kind in BURSTS:
                self.counts[kind] += 1
                self._burst.extend(BURSTS[kind])
                kind = self._burst.popleft()
            if kind is None or not _can_strike(kind, path, request_key, has_token):
                self._hits_by_request.pop(request_key, None)
                return None
            self._hits_by_request[request_key] += 1
            return kind

    def _draw(self, path: str, request_key: str, has_token: bool) -> str | None:
        chance = random.Random(f"{self._seed}/{request_key}/{self._asked[request_key]}").random()
        for kind, rate in self.rates.items():
            if KINDS[kind].scope == LASTING:
                continue
            chance -= rate
            if chance < 0:
                if not _can_strike(kind, path, request_key, has_token):
                    return None
                self._drawn[kind] += 1
                return kind if self._drawn[kind] <= self.limits.get(kind, self._drawn[kind]) else None
        return None

    def count(self, kind: str) -> None:
        """Count a fault that a reply really had: some that are drawn find nothing to spoil."""
        with self._lock:
            self.counts[kind] += 1

    def clock_error_s(self) -> int:
        """Return by how much the clock is wrong this time [s]: fast and slow by turns."""
        return CLOCK_ERROR_S if self.counts["wrong_clock"] % 2 else -CLOCK_ERROR_S


def make_fault_plan(text: str, seed: int) -> FaultPlan:
    """Return the plan that `--faults` asks for."""
    mix = parse_faults(text)
    return FaultPlan(mix.rates, seed, limits=mix.limits)


def raise_refusal(kind: str) -> None:
    """Raise the error of a refusal."""
    status, reason, headers = REFUSALS[kind]
    raise ServiceError(status, reason, headers)


def _can_strike(kind: str, path: str, request_key: str, has_token: bool) -> bool:
    scope = KINDS[kind].scope
    if scope == FIELD_SETS:
        return path.startswith("/readings") and unquote(request_key).count("fields[]=") > _FEW_FIELDS
    if scope == TOKEN:
        return has_token
    if scope == LISTS:
        return path == "/channels"
    return scope != READINGS or path.startswith("/readings")
