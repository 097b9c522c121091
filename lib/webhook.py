"""Tells another service something over HTTP: an alert's webhook, a dead-man's switch. Their addresses are secrets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lib.errors import DeliveryError
from lib.logs import clean_text, remember_secrets

if TYPE_CHECKING:
    import requests

TIMEOUT_S = 10  # of silence
TOTAL_TIMEOUT_S = 20.0  # for a whole answer, however it drips
# A dropped connection or a 5xx or 429 reply is asked again after 1, 2 and 4 seconds, whatever time the reply names.
_RETRIES, _BACKOFF = 3, 1.0
_PASSING_STATUS = (429, 500, 502, 503, 504)
_MAX_REASON_LENGTH = 100


def post_json(url: str, payload: dict[str, Any]) -> None:
    """Post `payload`.

    Raises
    ------
    DeliveryError
        When it is not answered with success; the address is not part of the message.
    """
    _ask("POST", url, payload)


def ping(url: str) -> None:
    """Ask for `url`, whose answer matters to nobody; raises as `post_json` does."""
    _ask("GET", url, None)


def _ask(method: str, url: str, payload: dict[str, Any] | None) -> None:
    import requests

    from lib.http_limits import LimitedAdapter

    remember_secrets([url])
    with requests.Session() as session:
        session.trust_env = False  # a .netrc has nothing to say to this host
        session.proxies = requests.utils.get_environ_proxies(url)
        session.mount(url, LimitedAdapter(TOTAL_TIMEOUT_S))
        for tries_left in range(_RETRIES, -1, -1):
            error, is_passing = _try_once(session, method, url, payload)
            if error is None:
                return
            if not (tries_left and is_passing):
                raise error
            time.sleep(_BACKOFF * 2 ** (_RETRIES - tries_left))


def _try_once(
    session: requests.Session, method: str, url: str, payload: dict[str, Any] | None
) -> tuple[DeliveryError | None, bool]:
    """Ask once and return what went wrong, None for nothing, and whether it may pass."""
    import requests

    try:
        # A redirect may lead anywhere, and would take the secret along. The body matters to nobody: it is not read.
        with session.request(method, url, json=payload, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as reply:
            status, reason = reply.status_code, clean_text(reply.reason or "")[:_MAX_REASON_LENGTH]
    except requests.RequestException as err:
        # The library's own message quotes the address.
        return DeliveryError(f"no answer from the {_host(url)} ({type(err).__name__}); check its address"), True
    if 200 <= status < 300:
        return None, False
    return DeliveryError(f"{_host(url)} answered {status} {reason}; check its address"), status in _PASSING_STATUS


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return f"host {urlsplit(url).hostname}"
