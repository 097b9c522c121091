"""Tells another service something over HTTP: an alert's webhook, a dead-man's switch. Their addresses are secrets."""

from __future__ import annotations

from typing import Any

from lib.errors import DeliveryError
from lib.logs import clean_text, remember_secrets

TIMEOUT_S = 10
# A dropped connection or a 5xx or 429 reply is asked again after 1, 2 and 4 seconds.
_RETRIES, _BACKOFF = 3, 1.0
_PASSING_STATUS = (429, 500, 502, 503, 504)


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
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    remember_secrets([url])
    retry = Retry(
        total=_RETRIES, backoff_factor=_BACKOFF, status_forcelist=_PASSING_STATUS, allowed_methods=None,
        raise_on_status=False,
    )  # fmt: skip
    with requests.Session() as session:
        session.mount(url, HTTPAdapter(max_retries=retry))
        try:
            # A redirect may lead anywhere, and would take the secret along.
            reply = session.request(method, url, json=payload, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as err:
            # The library's own message quotes the address.
            raise DeliveryError(f"no answer from the {_host(url)} ({type(err).__name__}); check its address") from None
    if not 200 <= reply.status_code < 300:
        raise DeliveryError(
            f"{_host(url)} answered {reply.status_code} {clean_text(reply.reason or '')}; check its address"
        )


def _host(url: str) -> str:
    from urllib.parse import urlsplit

    return f"host {urlsplit(url).hostname}"
