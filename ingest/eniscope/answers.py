"""What an answer over HTTP says beside its body, and what a failed one was, in few kinds of words. Pure."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import InvalidHeader, ReadTimeoutError
from urllib3.util.retry import Retry

from lib.http_limits import OversizedReplyError

logger = logging.getLogger(__name__)

MAX_REASON_LENGTH = 200


def describe_status(response: requests.Response) -> str:
    """Return status and reason phrase; the service writes UTF-8 there, which HTTP libraries read as Latin-1."""
    reason = response.reason or ""
    try:
        reason = reason.encode("latin-1").decode("utf-8")
    except UnicodeError:
        logger.debug("the reason phrase is not UTF-8")
    return f"HTTP {response.status_code} {reason[:MAX_REASON_LENGTH]}".strip()


def describe_failure(err: Exception) -> str:
    """Return what kind of failure kept an answer from being read."""
    # A silence amid the body comes as a failed connection.
    if isinstance(err, requests.Timeout) or any(isinstance(cause, ReadTimeoutError) for cause in err.args):
        return "time-out"
    if isinstance(err, requests.exceptions.SSLError):
        return "TLS failed"
    if isinstance(err, OversizedReplyError):
        return "the body is larger than any reply"
    if isinstance(err, (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)):
        return "the body was cut off or garbled"
    if isinstance(err, requests.ConnectionError):
        return "cannot connect"
    if isinstance(err, requests.RequestException):
        return type(err).__name__
    return "the body is not JSON"


def clock_offset(response: requests.Response, now: datetime) -> timedelta:
    """Return how far the Date header of an answer is ahead of `now`; nothing where it says none that can be read."""
    try:
        said = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return timedelta(0)
    return said - now if said.tzinfo else timedelta(0)


def retry_after_s(response: requests.Response) -> float | None:
    """Return the seconds that a Retry-After header names, as a number or as a date, or None."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return Retry().parse_retry_after(value)
    except (InvalidHeader, ValueError, OverflowError):  # a year, or a number, that nobody can wait for
        return None
