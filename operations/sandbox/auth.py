"""Who may ask: the API key, Basic credentials with an MD5 of the password, and tokens that expire."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations.sandbox.replies import ServiceError

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

# Published on purpose: they open nothing but this sandbox.
SANDBOX_API_KEY = "sandbox-key"
SANDBOX_EMAIL = "sandbox@example.com"
SANDBOX_PASSWORD = "sandbox-password"

DEFAULT_TOKEN_LIFETIME_S = 30 * 60.0
_RENEW_EVERY = 25  # requests by token after which a reply brings a new one
_TOKEN_HEADER = "X-Eniscope-Token"


@dataclass(frozen=True)
class Credentials:
    """The one account of the sandbox."""

    api_key: str = SANDBOX_API_KEY
    email: str = SANDBOX_EMAIL
    password: str = SANDBOX_PASSWORD

    @property
    def basic_value(self) -> str:
        """What stands after ``Basic`` in the Authorization header."""
        digest = hashlib.md5(self.password.encode(), usedforsecurity=False).hexdigest()
        return base64.b64encode(f"{self.email}:{digest}".encode()).decode()


class Gatekeeper:
    """Checks requests and hands out tokens.

    Parameters
    ----------
    credentials
        The account that is let in.
    lifetime_s
        How long a token lives [s].
    monotonic
        A clock [s]; tests pass their own.
    """

    def __init__(self, credentials: Credentials, lifetime_s: float, monotonic: Callable[[], float]) -> None:
        self._credentials, self._lifetime_s, self._monotonic = credentials, lifetime_s, monotonic
        self._expiry_by_token: dict[str, float] = {}
        self._token_requests = 0
        self._lock = threading.Lock()

    def check_request(self, headers: Headers) -> str | None:
        """Return the new token that the reply is to bring, if any.

        Raises
        ------
        ServiceError
            401 for a wrong key, wrong credentials or an unknown token; 419 for an expired token.
        """
        if not _is_same(headers.get("X-Eniscope-API", ""), self._credentials.api_key):
            raise ServiceError(401, "Invalid API Key")
        if token := headers.get(_TOKEN_HEADER):
            return self._check_token(token)
        scheme, _, value = headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic" or not _is_same(_decode(value), _decode(self._credentials.basic_value)):
            raise ServiceError(401, "Unauthorised – check e-mail and password")
        return self._issue_token()

    def expire_token(self, headers: Headers) -> bool:
        """End the life of the token that a request bears; return whether it bears a live one."""
        token = headers.get(_TOKEN_HEADER, "")
        with self._lock:
            if token not in self._expiry_by_token:
                return False
            self._expiry_by_token[token] = float("-inf")
        return True

    def _check_token(self, token: str) -> str | None:
        with self._lock:
            expires = self._expiry_by_token.get(token)
            self._token_requests += 1
            is_renewed = self._token_requests % _RENEW_EVERY == 0
        if expires is None:
            raise ServiceError(401, "Unknown Token")
        if self._monotonic() >= expires:
            raise ServiceError(419, "Authentication Timeout")
        return self._issue_token() if is_renewed else None

    def _issue_token(self) -> str:
        token = secrets.token_hex(16)
        with self._lock:
            self._expiry_by_token[token] = self._monotonic() + self._lifetime_s
        return token


def _decode(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
