"""Sites whose channels would count energy twice, from the service to the report: each is told right, or asked about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pipeline import SITE_ID
from point_sites import MakeSite, make_load, point_site, site_files, view, week_kwh  # noqa: F401  (fixtures)

from govern.usage.refresh import rebuild_views
from govern.validate_data import print_verdict
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


MAY_COUNT_TWICE = "Some energy may be counted twice: not confirmed how {} with other meters."


def questions(report: dict[str, Any]) -> list[tuple[str, int, list[str]]]:
    asked = report["dataQuality"]["openQuestions"]
    return [(question["check"], question["channelId"], question["lines"]) for question in asked]


@pytest.mark.slow
def test_a_main_beside_its_parts_is_asked_about_until_the_file_answers(
    point_site: MakeSite,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts, rest, other = {n: make_load(n, 1.0 + n) for n in (1, 2, 3, 4)}, make_load(9, 1.5), make_load(10, 3.0)
    main = sum(parts.values()) + rest
    channels = [view(101, "Main", 1), *(view(110 + n, f"RTU-{n}", 10 + n) for n in parts), view(120, "Shed", 20)]
    site = point_site(channels, {101: main, 120: other} | {110 + n: kw for n, kw in parts.items()})
    verdict = site.sync()
    names = "RTU-1 (111), RTU-2 (112), RTU-3 (113), RTU-4 (114)"
    share = 100 * sum(kw.sum() for kw in parts.values()) / main.sum()
    assert failed(verdict) == {
        "mains_named": f"channel 101 'Main': Main follows the sum of {names} over 5.0 weeks, {share:.0f} % of it, high "
        "confidence: if they are its parts, the total counts them twice"
    }
    assert verdict.verdict == "closed"
    lines = [line for n in parts for line in (f'[channels."{110 + n}"]  # "RTU-{n}"', 'parent = "101"  # "Main"')]
    report = site.report()
    assert questions(report) == [("mains_named", 101, lines)]
    assert report["summary"]["headline"][2] == MAY_COUNT_TWICE.format("Main fits")
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(main, other, *parts.values()), rel=1e-6)
    print_verdict(verdict)
    assert "".join(f"         {line}\n" for line in lines) in capsys.readouterr().out
    # The lines, written as they are, answer it; and an ingest after them undoes nothing.
    site.say("\n".join(lines))
    assert failed(site.sync()) == {}
    report = site.report()
    assert questions(report) == []
    assert not [line for line in report["summary"]["headline"] if "twice" in line]
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(main, other), rel=1e-6)
    # One that is said to be no part is asked about no more, and counts beside the main.
    site.say("\n".join([*lines[:6], '[channels."RTU-4"]', 'parent = ""']))
    assert failed(site.validate()) == {}
    assert site.report()["consumption"]["totalKwh"] == pytest.approx(week_kwh(main, other, parts[4]), rel=1e-6)


@pytest.mark.slow
def test_a_twin_is_asked_about_and_left_out_by_the_line(point_site: MakeSite) -> None:  # noqa: F811
    dryer, rtu = make_load(1, 1.0), make_load(2, 4.0)
    channels = [view(101, "RTU", 1), view(102, "Dryer", 2), view(103, 'Test "dryer"', 3)]
    site = point_site(channels, {101: rtu, 102: dryer, 103: dryer})
    assert failed(site.sync()) == {
        "channels_differ": "channel 103 'Test \"dryer\"': the same energy as channel 102 on 35 days"
    }
    report = site.report()
    lines = ["[site]", 'exclude = [103]  # "Test \\"dryer\\"", a copy of "Dryer"']
    assert questions(report) == [("channels_differ", 103, lines)]
    assert report["summary"]["headline"][2] == MAY_COUNT_TWICE.format('Test "dryer" fits')
    site.say("\n".join(lines))
    assert failed(site.validate()) == {}
    assert site.report()["consumption"]["totalKwh"] == pytest.approx(week_kwh(dryer, rtu), rel=1e-6)
    # Another scale is no other load.
    site.say("[channels.103]\nunit_factor = 0.99\n")
    assert failed(site.validate()) == {
        "mains_named": 'channel 103 \'Test "dryer"\': Test "dryer" follows Dryer (102) over 5.0 weeks: '
        "two meters of one load count twice"
    }
    # Both are real, says the file.
    site.say('[channels.103]\nparent = ""\n')
    assert failed(site.validate()) == {}
    assert site.report()["consumption"]["totalKwh"] == pytest.approx(week_kwh(dryer, dryer, rtu), rel=1e-6)


@pytest.mark.slow
def test_two_wholes_of_one_point_and_unknown_words_are_asked_about(point_site: MakeSite) -> None:  # noqa: F811
    rtu, pump = make_load(1, 4.0), make_load(2, 2.0)
    channels = [
        view(101, "RTU", 1),
        view(102, "RTU again", 1),
        view(111, "Pump R", 2, "R"),
        view(112, "Pump S", 2, "S"),
    ]
    site = point_site(channels, {101: rtu, 102: rtu * 0.99, 111: pump * 0.6, 112: pump * 0.4})
    assert failed(site.sync()) == {
        "points_told_apart": "channel 101 'RTU': its metering point is shown by 2 channels that all count: RTU (101), "
        "RTU again (102); channel 111 'Pump R': its metering point is shown by 2 channels that all count: Pump R "
        "(111), Pump S (112)"
    }
    report = site.report()
    of_load = '; or "" if it is a load of its own'
    assert questions(report) == [
        ("points_told_apart", 101, ['[channels."102"]  # "RTU again"', f'parent = "101"  # "RTU"{of_load}']),
        ("points_told_apart", 111, ['[channels."112"]  # "Pump S"', f'parent = "111"  # "Pump R"{of_load}']),
    ]
    assert report["summary"]["headline"][2] == MAY_COUNT_TWICE.format("RTU and Pump R fit")
    site.say('[channels.102]\nparent = 101\n[channels.112]\nparent = ""\n')
    assert failed(site.validate()) == {}
    assert site.report()["consumption"]["totalKwh"] == pytest.approx(week_kwh(rtu, pump), rel=1e-6)


@pytest.mark.slow
def test_phases_that_do_not_make_the_whole_are_warned_of(point_site: MakeSite) -> None:  # noqa: F811
    rtu = make_load(1, 6.0)
    channels = [
        view(101, "RTU", 1),
        *(view(101 + n, f"RTU L{n}", 1, f"phase{n}") for n in (1, 2, 3)),
        view(110, "Fan", 2),
    ]
    site = point_site(channels, {101: rtu, 102: rtu / 3, 103: rtu / 3, 104: rtu / 2, 110: make_load(3, 1.0)})
    found = failed(site.sync())
    assert list(found) == ["phases_match_system"]
    assert found["phases_match_system"].startswith("channel 101 'RTU': on 35 days it has 5040.0 kWh, its phases 5880.0")
    assert questions(site.report()) == []


@pytest.mark.slow
def test_a_main_that_was_replaced_counts_until_its_last_day(point_site: MakeSite) -> None:  # noqa: F811
    """The old meter goes on sending what it likes; the new one begins on Thursday of the report's week."""
    old, new, other = make_load(1, 6.0), make_load(2, 6.0), make_load(3, 1.0)
    day, days = 96, old.size // 96
    first = days - 4
    new[: first * day] = 0.0
    site = point_site(
        [view(101, "Main", 1), view(102, "New main", 2), view(103, "Shed", 3)], {101: old, 102: new, 103: other}
    )
    site.say("[channels.Main]\nuntil = 2026-02-18\n")
    assert failed(site.sync()) == {}
    report = site.report()
    before = old.copy()
    before[first * day :] = 0.0
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(before, new, other), rel=1e-6)
    assert report["dataQuality"]["avgCompleteness"] == 100.0
    assert [issue for issue in report["sections"]["sensorHealth"]["issues"] if issue["channelId"] == 101] == []


@pytest.mark.slow
def test_a_new_main_is_asked_about_after_two_weeks(point_site: MakeSite) -> None:  # noqa: F811
    """The old one ends after 20 of 35 days; neither has readings over most of the weeks that are compared."""
    parts, rest = {n: make_load(n, 1.0 + n) for n in (1, 2, 3)}, make_load(9, 1.0)
    old = sum(parts.values()) + rest
    new, first = old.copy(), 20 * 96
    old[first:], new[:first] = np.nan, np.nan
    channels = [view(100, "Old", 1), view(101, "New", 2), *(view(110 + n, f"RTU-{n}", 10 + n) for n in parts)]
    site = point_site(channels, {100: old, 101: new} | {110 + n: kw for n, kw in parts.items()})
    assert failed(site.sync()).keys() == {"channels_reporting", "days_whole", "mains_named"}
    report = site.report()
    assert [(check, key) for check, key, _ in questions(report)] == [("mains_named", 101)]
    (asked,) = report["dataQuality"]["openQuestions"]
    site.say("\n".join([*asked["lines"], "[channels.100]", "until = 2026-02-07"]))
    assert failed(site.validate()) == {}
    report = site.report()
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(new), rel=1e-6)
    assert questions(report) == []


@pytest.mark.slow
def test_a_connection_that_feeds_in_is_asked_about_where_no_meter_tells_what_generates(
    point_site: MakeSite,  # noqa: F811
) -> None:
    parts, shed = {n: make_load(n, 1.0 + n) for n in (1, 2)}, make_load(10, 3.0)
    hour = np.arange(shed.size) / 4 % 24
    sun = 20 * np.clip(np.sin(np.pi * (hour - 6) / 12), 0, None) * np.random.default_rng(1).uniform(0.4, 1, shed.size)
    grid = sum(parts.values()) - sun
    channels = [view(101, "Grid", 1), *(view(110 + n, f"RTU-{n}", 10 + n) for n in parts), view(120, "Shed", 20)]
    site = point_site(channels, {101: grid, 120: shed} | {110 + n: kw for n, kw in parts.items()})
    assert failed(site.sync()) == {
        "mains_named": "channel 101 'Grid': energy goes both ways through Grid: it may be the connection of other "
        "meters, and then the total counts them twice"
    }
    report = site.report()
    lines = ['[channels."101"]  # "Grid"', 'kind = "main"  # or "storage", if it is a battery']
    for key, name in ((111, "RTU-1"), (112, "RTU-2"), (120, "Shed")):
        lines += [f'[channels."{key}"]  # "{name}"', 'parent = "101"  # "Grid"; less sure, or "" for none']
    assert questions(report) == [("mains_named", 101, lines)]
    assert report["summary"]["headline"][2] == MAY_COUNT_TWICE.format("Grid fits")
    site.say("\n".join([*lines[:-1], 'parent = ""']))
    assert failed(site.validate()) == {}
    report = site.report()
    assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(grid, shed), rel=1e-6)
    # A battery is no connection.
    site.say('[channels.101]\nkind = "storage"\n')
    assert failed(site.validate()) == {}


@pytest.mark.slow
def test_the_phases_count_where_the_whole_is_in_quarantine(point_site: MakeSite) -> None:  # noqa: F811
    """Half of the site: without its phases the site would be held back."""
    rtu, pump, shares = make_load(1, 4.0), make_load(2, 4.0), {1: 0.5, 2: 0.3, 3: 0.2}
    channels = [
        view(101, "RTU", 1),
        *(view(101 + n, f"RTU L{n}", 1, f"phase{n}") for n in shares),
        view(120, "Pump", 2),
    ]
    site = point_site(channels, {101: rtu, 120: pump} | {101 + n: rtu * share for n, share in shares.items()})
    site.source.power_ratio[101] = 4.0
    for verdict in (site.sync(), site.validate()):
        assert failed(verdict) == {"energy_matches_power": "channel 101 'RTU': energy is 0.250 times its power"}
        assert verdict.verdict == "closed"
        assert [(held.channel_id, held.energy_share_pct) for held in verdict.quarantines] == [(101, 0.0)]
        report = site.report()
        assert report["consumption"]["totalKwh"] == pytest.approx(week_kwh(rtu, pump), rel=1e-6)
        assert list(by_channel(report)) == [102, 103, 104, 120]
        not_counted = report["dataQuality"]["notCounted"]
        assert [(row["channelId"], row["reason"], row["countedBy"]) for row in not_counted] == [(101, "view", 102)]
    # With one phase missing they are not the whole of it, and the site is held back.
    site.say("[site]\nexclude = [104]\n")
    assert site.validate().verdict == "open"
