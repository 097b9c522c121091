"""Every fault that the sandbox knows by name, the mixes of them, and the text that `--faults` takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from lib.errors import UsageError

# Where a fault can strike.
ANY, TOKEN, LISTS, READINGS, LASTING = "any request", "requests by token", "lists", "readings", "lasting"
FIELD_SETS = "readings of more than two fields"

AUTUMN_DOUBLING = "autumn_doubling"
COUNTER_RESET = "counter_reset"
VIRTUAL_CHANNEL = "virtual_channel"
NULL_REPLIES = "null_replies"
FIELDS_REFUSED = "fields_refused"


class Kind(NamedTuple):
    """A fault: where it strikes, and what a client meets."""

    scope: str
    meaning: str


KINDS: dict[str, Kind] = {
    "402": Kind(ANY, "Subscription Expired"),
    "403": Kind(ANY, "Forbidden"),
    "409": Kind(ANY, "Conflict"),
    "412": Kind(ANY, "Precondition Failed"),
    "429": Kind(ANY, "Too Many Requests, without a time to wait"),
    "429_retry_after": Kind(ANY, "Too Many Requests, with Retry-After: 1"),
    "429_burst": Kind(ANY, "six 429 one after another, whoever asks"),
    "429_retry_after_burst": Kind(ANY, "the same with Retry-After: 1"),
    "500": Kind(ANY, "Internal Server Error"),
    "502": Kind(ANY, "Bad Gateway"),
    "503": Kind(ANY, "Service Unavailable"),
    "5xx_burst": Kind(ANY, "500, 502, 503, twice over, whoever asks"),
    "hang": Kind(ANY, "the reply comes after a long silence"),
    "stall": Kind(ANY, "half the body comes, then a long silence"),
    "drip": Kind(ANY, "the second half of the body comes byte by byte"),
    "truncated": Kind(ANY, "the connection closes before the announced length"),
    "gzip": Kind(ANY, "the body says it is compressed, and cannot be unpacked"),
    "html": Kind(ANY, "an HTML page with status 200 in place of JSON"),
    "wrong_type": Kind(ANY, "sound JSON under the content type text/html"),
    "wrong_clock": Kind(ANY, "the service's clock is 7 minutes fast or slow"),
    "expired_token": Kind(TOKEN, "the token ends in the middle of the run: 419"),
    "refused_token": Kind(TOKEN, "the same as 401"),
    "page_count": Kind(LISTS, "the counts of records and pages are other than on the page before"),
    "channel_vanishes": Kind(LISTS, "one channel is not listed"),
    "channel_appears": Kind(LISTS, "one channel more is listed, which has no readings"),
    "channel_gone": Kind(READINGS, "a channel that was listed is not found: 404"),
    "strings": Kind(READINGS, "every number as a string"),
    "no_ts": Kind(READINGS, "some records without their time"),
    "duplicates": Kind(READINGS, "some records twice"),
    "disorder": Kind(READINGS, "records out of order"),
    "coarse": Kind(READINGS, "a coarser resolution than asked, without a word"),
    FIELDS_REFUSED: Kind(FIELD_SETS, "500 Invalid Parameter, as if the device lacked them; fewer fields are answered"),
    AUTUMN_DOUBLING: Kind(LASTING, "the repeated hour of autumn is counted in its first pass, the second is empty"),
    COUNTER_RESET: Kind(LASTING, "every tenth day one meter's counter begins anew: one record of negative energy"),
    NULL_REPLIES: Kind(LASTING, "a device that has none of the fields asked answers nulls in place of refusing"),
    VIRTUAL_CHANNEL: Kind(LASTING, "one more channel that refuses whatever field is asked: 500 Invalid Parameter"),
}

# Bursts: the refusals they are made of.
BURSTS: dict[str, tuple[str, ...]] = {
    "429_burst": ("429",) * 6,
    "429_retry_after_burst": ("429_retry_after",) * 6,
    "5xx_burst": ("500", "502", "503") * 2,
}

_TYPICAL = {
    **{"429": 0.015, "429_retry_after": 0.02, "500": 0.01, "502": 0.01, "503": 0.01},
    **{"expired_token": 0.02, "no_ts": 0.03, "coarse": 0.015},
}
# Shares of the requests. "all" holds what a patient client gets over within one run.
MIXES: dict[str, dict[str, float]] = {
    "none": {},
    "typical": _TYPICAL,
    "all": {
        **_TYPICAL,
        **{"429_burst": 0.002, "429_retry_after_burst": 0.002, "5xx_burst": 0.002, "refused_token": 0.01},
        **{"truncated": 0.02, "gzip": 0.02, "html": 0.02, "hang": 0.005, "stall": 0.005, "wrong_type": 0.02},
        **{"wrong_clock": 0.01, "page_count": 0.02, "strings": 0.03, "duplicates": 0.03, "disorder": 0.03},
        AUTUMN_DOUBLING: 1.0,
    },
}
DEFAULT_RATE = 0.02
_WORD = re.compile(r"(?P<kind>\w+)(?:=(?P<rate>[\d.]+))?(?::(?P<limit>\d+))?")


class FaultMix(NamedTuple):
    """Kind → share of the requests that it strikes, and kind → how often at most."""

    rates: Mapping[str, float]
    limits: Mapping[str, int]

    @property
    def lasting(self) -> frozenset[str]:
        """The faults that do not come and go."""
        return frozenset(kind for kind, rate in self.rates.items() if KINDS[kind].scope == LASTING and rate > 0)


def parse_faults(text: str) -> FaultMix:
    """Return what ``--faults`` asks for: names of mixes and of faults, in a list with commas.

    A fault may have a rate and a limit: ``typical,503=0.05,hang=0.01:3`` is the typical mix, with one request in
    twenty refused by 503, and one in a hundred left hanging, three times at most.
    """
    rates: dict[str, float] = {}
    limits: dict[str, int] = {}
    for word in text.split(","):
        if word in MIXES:
            rates |= MIXES[word]
            continue
        match = _WORD.fullmatch(word.strip())
        if match is None or match["kind"] not in KINDS:
            known = f"{', '.join(MIXES)}, or any of {', '.join(KINDS)}"
            raise UsageError(f"--faults: {word!r} is not KIND, KIND=RATE or KIND=RATE:LIMIT; known are {known}")
        rates[match["kind"]] = _parse_rate(match["rate"])
        if match["limit"] is not None:
            limits[match["kind"]] = int(match["limit"])
    return FaultMix(rates, limits)


def _parse_rate(text: str | None) -> float:
    if text is None:
        return DEFAULT_RATE
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0.0 <= rate <= 1.0:
        raise UsageError(f"--faults: a rate should be a share of the requests from 0 to 1, not {text!r}")
    return rate


def describe_kinds() -> str:
    """Return the table of faults for `--help`."""
    lines = [f"  {name:22} {kind.scope:18} {kind.meaning}" for name, kind in KINDS.items()]
    mixes = [f"  {name:22} {', '.join(rates) or 'nothing goes wrong'}" for name, rates in MIXES.items()]
    return "\n".join(["Faults (--faults):", *lines, "", "Mixes of them:", *mixes])
