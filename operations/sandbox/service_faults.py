"""What goes wrong with the service itself, on purpose: refusals, broken bodies, odd records.

Faults are drawn by (seed, number of the request), so a client that asks in the same order meets the same ones. The
same request is never hit more than twice in a row: who tries again gets through.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from operations.sandbox.replies import ServiceError

# Refusals, as (status, reason, headers).
REFUSALS: dict[str, tuple[int, str, dict[str, str]]] = {
    "429": (429, "Too Many Requests", {}),
    "429_retry_after": (429, "Too Many Requests", {"Retry-After": "1"}),
    "500": (500, "Internal Server Error", {}),
    "502": (502, "Bad Gateway", {}),
    "503": (503, "Service Unavailable", {}),
    "402": (402, "Subscription Expired", {}),
    "403": (403, "Forbidden", {}),
}
EXPIRED_TOKEN = "expired_token"  # the token ends early: 419
TRUNCATED = "truncated"  # the connection closes before the announced length
HTML = "html"  # a page with status 200 where JSON should be
HANG = "hang"  # the reply comes after a long silence
WRONG_TYPE = "wrong_type"  # sound JSON under a wrong content type
STRINGS = "strings"  # every number as a string
NO_TS = "no_ts"  # some records without their time
DUPLICATES = "duplicates"  # some records twice
DISORDER = "disorder"  # records out of order
COARSE = "coarse"  # a coarser resolution than asked, without a word

BODY_FAULTS = (TRUNCATED, HTML, HANG, WRONG_TYPE, STRINGS)
RECORD_FAULTS = (NO_TS, DUPLICATES, DISORDER, COARSE)
KINDS = (*REFUSALS, EXPIRED_TOKEN, *BODY_FAULTS, *RECORD_FAULTS)

_TYPICAL = {
    **{"429": 0.015, "429_retry_after": 0.02, "500": 0.01, "502": 0.01, "503": 0.01},
    **{EXPIRED_TOKEN: 0.02, NO_TS: 0.03, COARSE: 0.015},
}
RATES: dict[str, dict[str, float]] = {
    "none": {},
    "typical": _TYPICAL,
    "all": {
        **_TYPICAL,
        **{TRUNCATED: 0.02, HTML: 0.02, HANG: 0.005, WRONG_TYPE: 0.02, STRINGS: 0.03, DUPLICATES: 0.03, DISORDER: 0.03},
    },
}
MOST_HITS_IN_A_ROW = 2
DEFAULT_HANG_S = 35.0  # just beyond the 30 s at which clients commonly give up

HTML_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body><h1>Back soon</h1></body></html>"


class FaultPlan:
    """Decides which request goes wrong, and how.

    Parameters
    ----------
    rates
        Kind → share of the requests that it hits.
    seed
        Chooses which requests those are.
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
        force: Sequence[str | None] = (),
        force_path: str = "/",
        hang_s: float = DEFAULT_HANG_S,
    ) -> None:
        self.rates, self.hang_s = dict(rates or {}), hang_s
        if unknown := {*self.rates, *filter(None, force)} - {*KINDS}:
            raise ValueError(f"unknown faults {sorted(unknown)}; known are {', '.join(KINDS)}")
        self.counts: Counter[str] = Counter()
        self._seed, self._force, self._force_path = seed, list(force), force_path
        self._hits_by_request: Counter[str] = Counter()
        self._number = 0
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
            self._number += 1
            if self._force:
                if not path.startswith(self._force_path):
                    return None
                kind = self._force.pop(0)
            else:
                kind = self._draw(request_key)
            if kind is None or not _can_hit(kind, path, has_token):
                self._hits_by_request.pop(request_key, None)
                return None
            self._hits_by_request[request_key] += 1
            self.counts[kind] += 1
            return kind

    def _draw(self, request_key: str) -> str | None:
        if self._hits_by_request[request_key] >= MOST_HITS_IN_A_ROW:
            return None
        chance = random.Random(f"{self._seed}/{self._number}").random()
        for kind, rate in self.rates.items():
            chance -= rate
            if chance < 0:
                return kind
        return None


def make_fault_plan(name: str, seed: int) -> FaultPlan:
    """Return the plan that `--faults` names."""
    return FaultPlan(RATES[name], seed)


def raise_refusal(kind: str) -> None:
    """Raise the error of a refusal."""
    status, reason, headers = REFUSALS[kind]
    raise ServiceError(status, reason, headers)


def _can_hit(kind: str, path: str, has_token: bool) -> bool:
    if kind == EXPIRED_TOKEN:
        return has_token
    return kind not in RECORD_FAULTS or path.startswith("/readings")


def spoil_records(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return `records` with every ninth or so of them spoilt."""
    if kind == NO_TS:
        return [
            {name: value for name, value in row.items() if name != "ts"} if number % 9 == 4 else row
            for number, row in enumerate(records)
        ]
    if kind == DUPLICATES:
        return [row for number, row in enumerate(records) for _ in range(2 if number % 9 == 4 else 1)]
    if kind == DISORDER:
        return records[1::2] + records[::2]
    return records


def stringify_numbers(value: Any) -> Any:
    """Return a JSON value with every number as a string, as deep as it goes."""
    if isinstance(value, dict):
        return {name: stringify_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [stringify_numbers(item) for item in value]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else value
