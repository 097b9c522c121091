"""Logging for every script: one line per unit of work, to stderr, with secrets taken out."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterable

LOG_FORMAT = "%(asctime)sZ %(levelname)s %(message)s"

# postgresql://user:SECRET@host and password=SECRET, wherever a driver may quote them.
_URL_PASSWORD = re.compile(r"(?P<head>\w+://[^\s:/@]*:)[^\s@]+(?=@)")
_KEYWORD_PASSWORD = re.compile(r"(?P<head>\bpassword\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\S+)", re.IGNORECASE)
_MASK = "***"
_MIN_SECRET_LENGTH = 4  # masking shorter strings would blacken ordinary words

_secrets: set[str] = set()


def remember_secrets(secrets: Iterable[str | None]) -> None:
    """Mask these values in every later log line and error message."""
    _secrets.update(secret for secret in secrets if secret and len(secret) >= _MIN_SECRET_LENGTH)


def clean_text(text: str) -> str:
    """Return `text` on one line, without secrets and without control characters.

    Text from outside (channel names, server replies) may hold line breaks or terminal escapes; here they become
    visible escapes, so that they can neither forge a log line nor drive a terminal.
    """
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _MASK)
    text = text.replace("\N{NO-BREAK SPACE}", " ")  # a terminal needs none
    text = _URL_PASSWORD.sub(rf"\g<head>{_MASK}", text)
    text = _KEYWORD_PASSWORD.sub(rf"\g<head>{_MASK}", text)
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class _CleanFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = clean_text(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        lines = super().formatException(ei).splitlines()  # type: ignore[arg-type]
        return "\n".join(clean_text(line) for line in lines)


def setup_logging(verbose: bool = False) -> None:
    """Send log lines to stderr; `verbose` adds debug lines of this project."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_CleanFormatter(LOG_FORMAT, datefmt="%Y-%m-%dT%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    # It logs request paths and pool churn at these levels: noise to an operator.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
