"""Sites whose channels would count energy twice, from the service to the report: each is told right, or asked about."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline import SITE_ID
from point_sites import MakeSite, make_load, point_site, view, week_kwh  # noqa: F401  (fixture)

from govern.usage.refresh import rebuild_views
from lib import db


def failed(verdict: Any) -> dict[str, str]:
    """Return check → message of those that found something."""
    return {result.check.name: result.message for result in verdict.results if result.findings}


def by_channel(report: dict[str, Any]) -> dict[int, float]:
    return {row["channelId"]: row["energyKwh"] for row in report["consumption"]["byChannel"]}


@pytest.mark.slow
def test_a_point_seen_through_four_channels_counts_once(point_site: MakeSite) -> None:  # noqa: F811
    rtu, ovens, pump = make_load(1, 4.0), make_load(2, 2.0), make_load(3, 1.0)
    # The gateway's id is a channel's: taken for a hierarchy, the site would be that channel alone.
    below = {"gateway_id": 101}
    channels = [
        view(101, "RTU", 1, **below),
        *(view(101 + n, f"RTU L{n}", 1, f"phase{n}", **below) for n in (1, 2, 3)),
        *(view(110 + n, f"Ovens L{n}", 2, f"phase{n}", **below) for n in (1, 2, 3)),
        view(120, "Pump", 3, **below),
    ]
    shares = {1: 0.5, 2: 0.3, 3: 0.2}
    kw_of = {101: rtu, 120: pump}
    kw_of |= {101 + n: rtu * share for n, share in shares.items()} | {110 + n: ovens * s for n, s in shares.items()}
    site = point_site(channels, kw_of)
    assert failed(site.sync()) == {}
    stored = db.fetch_all(site.conn, "SELECT DISTINCT gateway_id, parent_id FROM channels ORDER BY 1")
    assert stored == [(101, None)]
    report = site.report()
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(rtu, ovens, pump), rel=1e-6)
    assert list(by_channel(report)) == [101, 111, 112, 113, 120]
    assert [(row["channelId"], row["reason"], row["countedBy"]) for row in report["dataQuality"]["notCounted"]] == [
        (102, "view", 101),
        (103, "view", 101),
        (104, "view", 101),
    ]
    assert report["dataQuality"]["otherChannels"] == 0


@pytest.mark.slow
def test_a_house_beside_a_school_is_left_out(point_site: MakeSite) -> None:  # noqa: F811
    rtu, panel, house = make_load(1, 4.0), make_load(2, 2.0), make_load(3, 1.0)
    channels = [view(101, "RTU", 1), view(102, "Panel", 2), view(103, "Dryer", 3), view(104, "Fridge", 4)]
    site = point_site(channels, {101: rtu, 102: panel, 103: house, 104: house * 0.4})
    site.say('[site]\nexclude = ["Dryer", 104]\n')
    assert failed(site.sync()) == {}
    assert [row["name"] for row in site.summary.left_out] == ["Dryer", "Fridge"]
    asked = db.fetch_all(
        site.conn,
        "SELECT DISTINCT channel_id FROM ingestion_logs WHERE organization_id = %s AND channel_id <> 0 ORDER BY 1",
        (SITE_ID,),
    )
    assert asked == [(101,), (102,)]
    report = site.report()
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(rtu, panel), rel=1e-6)
    assert list(by_channel(report)) == [101, 102]
    assert report["dataQuality"]["notCounted"] == [
        {"channelId": 103, "channelName": "Dryer", "reason": "excluded", "countedBy": None},
        {"channelId": 104, "channelName": "Fridge", "reason": "excluded", "countedBy": None},
    ]
    # What was fetched before it was left out counts no longer, and none of its old readings is checked.
    site.say("")
    site.sync()
    db.execute(site.conn, "UPDATE readings SET energy_kwh = 9e9 WHERE channel_id = 103")
    rebuild_views(site.conn, SITE_ID)
    site.say('[site]\ninclude = ["RTU", "Panel"]\n')
    assert failed(site.validate()) == {}
    assert site.report()["consumption"]["totalKwh"] == pytest.approx(week_kwh(rtu, panel), rel=1e-6)
