"""A first look at an account: is each thing that an ingest needs there and right, and what is to be done if not.

Each check is one line: OK, WARN (it will work, but look at this) or FAIL (it will not), and what to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from config.settings import Settings
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.fetch import fetch_channel, get_type_fields
from ingest.eniscope.field_sets import ChannelFields, FieldAsks, plan_asks
from ingest.eniscope.licenses import describe_license_end
from ingest.eniscope.normalize import parse_channel, parse_organization
from lib.date_utils import SETTLING_TIME, Window, align_down, format_utc, parse_timezone
from lib.errors import (
    AccessError,
    AuthenticationError,
    DataError,
    PipelineError,
    UnreachableError,
    UnsupportedFieldsError,
    UsageError,
)
from lib.states import DataSource

OK, WARN, FAIL = "OK", "WARN", "FAIL"
SAMPLE_INTERVAL_S = 900
# A sample is judged as the validation judges the look-back (govern/checks/block_energy_matches_power.sql).
MAX_ENERGY_POWER_RATIO = 2.0
MIN_CHECKED_POWER_KW = 0.05
MIN_CHECKED_INTERVALS = 8
SAMPLE_SPAN = timedelta(hours=24)
_SITES_SHOWN = 10


class Finding(NamedTuple):
    """The outcome of one check: `hint` says what to do, "" where there is nothing."""

    check: str
    level: str
    message: str
    hint: str = ""


class ChannelLook(NamedTuple):
    """What a channel has: the fields that gave a value in the sample, and its newest reading by column."""

    channel_id: int
    name: str
    fields: tuple[str, ...]
    newest_at: datetime | None
    newest: dict[str, float]


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Check what can be checked without asking anyone: the address, and that key and login are given."""
    parts = urlsplit(settings.api_url)
    if not parts.hostname:
        yield Finding("address", FAIL, f"{settings.api_url} names no host", "correct VITE_ENISCOPE_API_URL")
    elif parts.scheme != "https" and not _is_loopback(parts.hostname):
        hint = "write https:// in VITE_ENISCOPE_API_URL, or everyone on the way can read the login"
        yield Finding("address", WARN, f"{settings.api_url} is not encrypted", hint)
    for name in settings.missing_credentials:
        check = "key" if name.endswith("KEY") else "login"
        yield Finding(check, FAIL, f"{name} is not set", "put it into .env (see .env.example)")


def check_account(client: EniscopeClient, site_id: int) -> tuple[list[Finding], dict[str, Any] | None]:
    """Ask for the site, which tells address, key, login and site at once; return the site where it is there."""
    reached = Finding("address", OK, "the service answers")
    let_in = [Finding("key", OK, "the API key is accepted"), Finding("login", OK, "e-mail and password are accepted")]
    try:
        raw = client.get_organization(site_id)
    except UnreachableError as err:
        hint = "check VITE_ENISCOPE_API_URL, the network and its proxy; if they are right, the service is down"
        return [Finding("address", FAIL, str(err), hint)], None
    except AuthenticationError as err:
        return [reached, *_tell_refusal(str(err))], None
    except AccessError as err:
        sites = _sites_of(client)
        if not client.was_let_in:
            return [reached, _tell_ambiguous(str(err), site_id)], None
        return [reached, *let_in, Finding("site", FAIL, str(err), sites)], None
    except PipelineError as err:
        return [reached, Finding("site", FAIL, str(err), "ask the vendor what this answer means")], None
    findings = [reached, *let_in]
    if client.source == DataSource.SANDBOX:
        hint = "for a real site, set VITE_ENISCOPE_API_URL to the service"
        findings.insert(1, Finding("address", WARN, "this is the sandbox: its readings are made up", hint))
    return findings, raw


def check_site(raw: dict[str, Any]) -> Iterator[Finding]:
    """Check what the service says of the site itself."""
    try:
        site = parse_organization(raw)
        parse_timezone(site["timezone"])
    except (DataError, UsageError) as err:
        yield Finding("site", FAIL, str(err), "have the vendor set the site's time zone: local days depend on it")
        return
    yield Finding("site", OK, f"{site['name']!r}, time zone {site['timezone']}")
    if site["latitude"] is None or site["longitude"] is None:
        yield Finding("site", WARN, "no coordinates, so no weather", "have the vendor set latitude and longitude")


def list_channels(client: EniscopeClient, site_id: int, now: datetime) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Return the channels, and whether there are any and their licenses hold."""
    try:
        channels = [row for raw in client.get_channels(site_id) if (row := parse_channel(raw, site_id))]
    except PipelineError as err:
        return [Finding("channels", FAIL, str(err), "run again later")], []
    if not channels:
        hint = "ask the vendor to show this account the site's channels"
        return [Finding("channels", FAIL, "the site has no channels that this account may see", hint)], []
    findings = [Finding("channels", OK, f"{len(channels)} channels")]
    note = describe_license_end(channels, now)
    if note:
        what, _, hint = note.partition("; ")
        findings.append(Finding("license", WARN, what, hint))
    return findings, channels


def look_at_channels(
    client: EniscopeClient, channels: Sequence[dict[str, Any]], now: datetime
) -> Iterator[tuple[Finding, ChannelLook]]:
    """Ask each channel for its last day and yield what it has."""
    end = align_down(now - SETTLING_TIME, SAMPLE_INTERVAL_S)
    window = Window(end - SAMPLE_SPAN, end)
    by_type = get_type_fields(client, sorted({channel["device_type_id"] for channel in channels} - {None}))
    for channel in channels:
        asks = plan_asks(ChannelFields(), by_type.get(channel["device_type_id"], ()), is_due=True)
        yield _look_at_channel(client, channel, asks, window)


def _look_at_channel(
    client: EniscopeClient, channel: dict[str, Any], asks: FieldAsks, window: Window
) -> tuple[Finding, ChannelLook]:
    subject = f"channel {channel['channel_id']}"
    nothing = ChannelLook(channel["channel_id"], channel["name"], (), None, {})
    try:
        result = fetch_channel(client, channel["channel_id"], window, SAMPLE_INTERVAL_S, asks)
    except UnsupportedFieldsError:
        hint = "a virtual channel, perhaps: nothing to do, the ingest leaves it out"
        return Finding(subject, WARN, f"{channel['name']!r} refuses every set of fields", hint), nothing
    except PipelineError as err:
        return Finding(subject, FAIL, str(err), "run again; if it stays, show the vendor this line"), nothing
    rows = result.rows
    fields = result.answer.seen
    if not fields:
        hint = "is the device online? Look at the vendor's portal; the ingest fetches what arrives later"
        return Finding(
            subject, WARN, f"{channel['name']!r} has no reading since {format_utc(window.start)}", hint
        ), nothing
    newest = rows.iloc[-1].dropna()
    at = pd.Timestamp(int(newest.pop("timestamp")), unit="s", tz="UTC").to_pydatetime()
    look = ChannelLook(channel["channel_id"], channel["name"], fields, at, newest.to_dict())
    level, problem, hint = _judge_sample(rows)
    values = ", ".join(f"{name} {value:g}" for name, value in list(look.newest.items())[:3])
    message = f"{channel['name']!r} has {' '.join(fields)}; at {format_utc(at)}: {values}{problem}"
    return Finding(subject, level, message, hint), look


def _judge_sample(rows: pd.DataFrame) -> tuple[str, str, str]:
    """Return the level, what is odd, and what to do: energy should be what the power gives."""
    if not {"energy_kwh", "power_kw"} <= set(rows.columns):
        return OK, "", ""
    used = rows[(rows["power_kw"] >= MIN_CHECKED_POWER_KW) & rows["energy_kwh"].notna()]
    if len(used) < MIN_CHECKED_INTERVALS:
        return OK, "", ""
    ratio = float(np.median(used["energy_kwh"] / (used["power_kw"] * SAMPLE_INTERVAL_S / 3600)))
    if 1 / MAX_ENERGY_POWER_RATIO <= ratio <= MAX_ENERGY_POWER_RATIO:
        return OK, "", ""
    hint = "a wrong unit or multiplier: compare one hour with the vendor's portal, and have the vendor correct it"
    return WARN, f"; its energy is {ratio:.3g} times its power", hint


def _tell_refusal(message: str) -> list[Finding]:
    """Return which of key and login was refused, as far as the service says."""
    if "api key" in message.lower():
        return [Finding("key", FAIL, message, "correct VITE_ENISCOPE_API_KEY; the vendor gives it out")]
    hint = "correct VITE_ENISCOPE_EMAIL and VITE_ENISCOPE_PASSWORD: they are those of the vendor's portal"
    return [Finding("login", FAIL, message, hint)]


def _tell_ambiguous(message: str, site_id: int) -> Finding:
    """Return what a refusal means that comes for the site and for the list of sites alike."""
    hint = (
        "the service refuses everything: most likely e-mail or password is wrong (VITE_ENISCOPE_EMAIL, "
        "VITE_ENISCOPE_PASSWORD: those of the vendor's portal); if you can log in there with them, ask the vendor to "
        f"give the account access to the API and to site {site_id}"
    )
    return Finding("login", FAIL, message, hint)


def _sites_of(client: EniscopeClient) -> str:
    """Return a hint that lists the sites of the account."""
    try:
        sites = client.get_organizations()
    except PipelineError as err:
        return f"check --site; the account's own sites cannot be listed ({err})"
    names = [f"{site.get('organizationId')} ({site.get('organizationName')})" for site in sites[:_SITES_SHOWN]]
    return (
        f"check --site; this account sees {', '.join(names)}" if names else "this account sees no site: ask the vendor"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
