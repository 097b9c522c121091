"""What is planted, in figures: computed from the generator itself, with the fault and without it, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from operations.sandbox import planted as plan
from operations.sandbox.electricity import P
from operations.sandbox.generator import BLOCK_MIN, QUARTER_MIN, GeneratedSite
from operations.sandbox.noise import Columns, Floats
from operations.sandbox.readings import SERVED_DECIMALS
from operations.sandbox.site_model import SITE_ID, Channel, Site

_DECIMALS = 3


def describe_site(site: GeneratedSite) -> dict[str, Any]:
    """Return the facts of the generated sites and the list of what is planted in the first, ready for JSON."""
    catalogue = site.catalogue
    return {
        "siteId": SITE_ID,
        "siteName": catalogue.site_name,
        "timeZone": catalogue.time_zone,
        "seed": site.seed,
        "channels": [_describe_channel(channel) for channel in catalogue.channels],
        "planted": describe_planted(site),
        "otherSites": [_describe_other(one) for one in catalogue.further_sites],
    }


def _describe_channel(channel: Channel) -> dict[str, Any]:
    return {
        "channelId": channel.channel_id,
        "channelName": channel.name,
        "gatewayName": channel.gateway_name,
        "fields": list(channel.units),
        "installed": _iso(channel.installed_s // 60),
    }


def _describe_other(site: Site) -> dict[str, Any]:
    return {
        "siteId": site.organization.organization_id,
        "siteName": site.organization.name,
        "timeZone": site.organization.time_zone,
        "channels": [
            _describe_channel(channel)
            | {
                "meterId": channel.meter_id,
                "displayedPhase": channel.displayed_phase,
                "contains": list(channel.parts),
                "drawsLike": channel.stream_id,
            }
            for channel in site.channels
        ],
    }


def describe_planted(site: GeneratedSite) -> list[dict[str, Any]]:
    """Return what is planted, one entry for each stretch of time."""
    channel_by_load = {channel.load: channel for channel in reversed(site.catalogue.channels)}
    return [_describe(site, item, channel_by_load[item.load]) for item in site.items]


def true_readings(site: GeneratedSite, channel: Channel, start_s: int, end_s: int, interval_s: int) -> Columns:
    """Return what a perfect client has of a channel in the end, in the service's units.

    Returns
    -------
    dict
        ``ts``, the starts [Unix s] of the intervals from `start_s` to `end_s` for which anything was measured, and
        every field of the channel at them, rounded as the service rounds.
    """
    fields = site.compute_fields(channel, start_s, (end_s - start_s) // interval_s, interval_s)
    starts = fields.pop("ts")
    measured = {name: np.round(values.astype(np.float64), SERVED_DECIMALS) for name, values in fields.items()}
    is_measured = ~np.all([np.isnan(values) for values in measured.values()], axis=0)
    return {"ts": starts[is_measured], **{name: values[is_measured] for name, values in measured.items()}}


def _describe(site: GeneratedSite, item: plan.Planted, channel: Channel) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": item.kind,
        "channelId": channel.channel_id,
        "channelName": channel.name,
        "start": _iso(item.start_min),
        "end": _iso(item.end_min),
        "description": item.description,
    }
    if len(item.windows) > 1:
        entry["windows"] = [{"start": _iso(first), "end": _iso(last)} for first, last in item.windows]
    amounts = {name: round(value, _DECIMALS) for name, value in _measure(site, item, channel).items()}
    return {**entry, **amounts}


def _measure(site: GeneratedSite, item: plan.Planted, channel: Channel) -> dict[str, float]:
    with_kw, without_kw = (_powers_kw(site, item, channel, with_wastes=flag) for flag in (True, False))
    if item.kind in plan.WASTES:
        extra_kw = with_kw - without_kw
        quarters = with_kw.reshape(-1, QUARTER_MIN).mean(axis=1)
        return {
            "extraKw": float(extra_kw.mean()),
            "extraKwh": float(extra_kw.sum() / 60.0),
            "peakKw": float(quarters.max()),
            "hours": with_kw.size / 60.0,
        }
    intervals = int(with_kw.size // QUARTER_MIN)
    if item.kind == plan.STUCK_METER:
        reported = site.collect_minutes(channel, item.start_min, item.start_min + 1)[P, 0]
        return {"stuckKw": float(np.nansum(reported)) / 1000.0, "hours": with_kw.size / 60.0, "intervals": intervals}
    lost = "catchUpKwh" if item.kind == plan.CATCH_UP_DELTA else "missedKwh"
    return {"missingIntervals": intervals, lost: float(with_kw.sum() / 60.0)}


def _powers_kw(site: GeneratedSite, item: plan.Planted, channel: Channel, *, with_wastes: bool) -> Floats:
    """Return the real power [kW] of the minutes within the item's windows."""
    parts = []
    for block in range(item.start_min // BLOCK_MIN, -(-item.end_min // BLOCK_MIN)):
        around = site.get_surroundings(block)
        inside = item.covers(around.minutes)
        parts.append(site.compute_load_kw(channel, around, with_wastes=with_wastes)[inside])
    return np.concatenate(parts)


def _iso(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).isoformat()
