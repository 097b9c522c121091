"""A client of the account that the settings name, or which of them are missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from config.settings import Settings
from lib.errors import ConfigError

if TYPE_CHECKING:
    from ingest.eniscope.client import EniscopeClient


def make_client(settings: Settings, sleep: Callable[[float], None] | None = None) -> EniscopeClient:
    """Return a client, or raise a ConfigError that names the variables that are missing.

    Parameters
    ----------
    sleep
        How to wait for a turn and between attempts; None waits as long as the service wants it.
    """
    missing = settings.missing_credentials
    if missing:
        raise ConfigError(
            f"no Eniscope credentials: {', '.join(missing)} not set; put them into .env (see .env.example), "
            "or try the whole way on made-up data: bash operations/quickstart.sh"
        )
    if not (settings.api_key and settings.api_key.isascii() and settings.api_key.isprintable()):
        raise ConfigError("VITE_ENISCOPE_API_KEY holds a character that no key has; copy it once more")
    from ingest.eniscope.client import EniscopeClient

    return EniscopeClient(
        settings.api_url,
        settings.api_key or "",
        settings.api_email or "",
        settings.api_password or "",
        requests_per_second=settings.requests_per_second,
        timeout_s=settings.request_timeout_s,
        total_timeout_s=settings.total_timeout_s,
        max_connections=settings.workers,
        sleep=sleep,
    )
