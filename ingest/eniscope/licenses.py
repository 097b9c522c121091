"""When the licenses of a site's channels end: afterwards the service refuses their readings (402). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

WARN_BEFORE = timedelta(days=30)


def describe_license_end(channels: Sequence[Mapping[str, Any]], now: datetime) -> str | None:
    """Return, in words, which licenses end within `WARN_BEFORE`, or have ended; None where all hold for longer.

    Parameters
    ----------
    channels
        Rows as `ingest.eniscope.normalize.parse_channel` gives them.
    """
    moments = [channel["license_ends_at"] for channel in channels if channel.get("license_ends_at") is not None]
    ending = sorted(moment for moment in moments if moment < now + WARN_BEFORE)
    if not ending:
        return None
    first = ending[0]
    days = (first - now).days
    when = (
        f"ended on {first:%Y-%m-%d}" if first <= now else f"ends on {first:%Y-%m-%d}, in {days} day{'s' * (days != 1)}"
    )
    whose = f"{len(ending)} of {len(channels)} channels"
    return (
        f"the license of {whose} {when}; have the vendor renew it, or the service refuses their readings "
        "(HTTP 402 Subscription Expired)"
    )
