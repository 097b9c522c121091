"""The time line of a finding, as the database derives it from what weekly reports found."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from finding_factory import AHU, BOILER, OTHER_SITE, SITE, WASTE, meter, tell, waste

from govern.findings.store import store_week
from lib import db
from lib.report_findings import FindingKind, ReportFinding, ReportMeter, ReportWeek, finding_id_of

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def line(conn: Connection, *columns: str, finding_id: str = WASTE, site_id: int = SITE) -> list[tuple[Any, ...]]:
    """Return some columns of a finding's weeks, in order."""
    return db.fetch_all(
        conn,
        f"SELECT {', '.join(columns)} FROM v_finding_weeks WHERE site_id = %s AND finding_id = %s ORDER BY week",
        (site_id, finding_id),
    )


def test_a_waste_is_new_then_open_then_solved_then_back(conn: Connection) -> None:
    for number, kwh in enumerate((40, 50, 60, None, None, None, 30, 30), start=1):
        tell(conn, number, [waste(kwh)] if kwh else [], [meter(closed_kw=3.0 if kwh else 1.0)])
    columns = ("state", "week_number", "weeks_there", "energy_so_far_kwh", "cost_so_far", "back_after_weeks")
    assert line(conn, *columns, "is_solved_now", "episode") == [
        ("new", 1, 1, 40, 4.0, None, False, 1),
        ("open", 2, 2, 90, 9.0, None, False, 1),
        ("open", 3, 3, 150, 15.0, None, False, 1),
        ("open", 4, 3, 150, 15.0, None, False, 1),  # one week without it proves nothing
        ("solved", 5, 3, 150, 15.0, None, True, 1),
        ("solved", 6, 3, 150, 15.0, None, False, 1),
        ("back", 1, 1, 30, 3.0, 3, False, 2),
        ("open", 2, 2, 60, 6.0, 3, False, 2),
    ]
    assert db.fetch_all(conn, "SELECT finding_id, state, week, since_week, meter_name, currency FROM v_findings") == [
        (WASTE, "open", date(2026, 2, 23), date(2026, 2, 16), "meter 10", "USD")
    ]


def test_back_within_one_clear_week_is_still_the_same_time(conn: Connection) -> None:
    for number, kwh in enumerate((40, None, 40), start=1):
        tell(conn, number, [waste(kwh)] if kwh else [], [meter(closed_kw=3.0 if kwh else 1.0)])
    assert line(conn, "state", "episode") == [("new", 1), ("open", 1), ("open", 1)]


@pytest.mark.parametrize(
    "meters",
    [
        [],  # in quarantine, or left out by the site's file
        [meter(complete=69.9)],
        [meter(is_doubtful=True)],
    ],
)
def test_a_silent_or_doubtful_meter_proves_nothing(conn: Connection, meters: list[ReportMeter]) -> None:
    tell(conn, 1, [waste(40)])
    tell(conn, 2, [], [meter(complete=70.0)])
    for number in (3, 4, 5):
        tell(conn, number, [], meters)
    tell(conn, 6, [])
    blind = ("blind", "open")
    assert line(conn, "status", "state") == [
        ("seen", "new"), ("clear", "open"), blind, blind, blind, ("clear", "solved"),
    ]  # fmt: skip


def test_a_week_without_a_report_proves_nothing(conn: Connection) -> None:
    tell(conn, 1, [waste(40)])
    tell(conn, 4, [])
    assert line(conn, "state", "week_number") == [("new", 1), ("open", 4)]
    tell(conn, 5, [])
    assert line(conn, "state")[-1] == ("solved",)


@pytest.mark.parametrize(("closed_kw", "status", "kwh"), [(2.0, "persists", 20.0), (1.99, "clear", None)])
def test_a_load_that_became_usual_is_not_solved(
    conn: Connection, closed_kw: float, status: str, kwh: float | None
) -> None:
    tell(conn, 1, [waste(40)], [meter(closed_kw=3.0)])
    tell(conn, 2, [], [meter(closed_kw=closed_kw)])
    tell(conn, 3, [], [meter(closed_kw=closed_kw)])
    assert line(conn, "status", "energy_kwh")[1:] == [(status, kwh), (status, kwh)]
    assert line(conn, "state")[-1] == ("open" if status == "persists" else "solved",)


def test_what_is_asked_about_is_the_same_finding_and_counts_as_it_was_claimed(conn: Connection) -> None:
    tell(conn, 1, [waste(40)])
    tell(conn, 2, [waste(90, pattern="asked")])
    assert line(conn, "state", "energy_kwh", "is_grown", "energy_so_far_kwh") == [
        ("new", 40, False, 40), ("open", 40, False, 80),
    ]  # fmt: skip


@pytest.mark.parametrize(("kwh", "is_grown"), [(60.0, True), (59.9, False)])
def test_what_grows_by_half_is_told_again(conn: Connection, kwh: float, is_grown: bool) -> None:
    for number, each in enumerate((40, kwh, kwh, 1.4 * kwh), start=1):
        tell(conn, number, [waste(each)])
    again = not is_grown  # 1.4 times is more than half of what was told, where that was 40
    assert line(conn, "is_grown") == [(False,), (is_grown,), (False,), (again,)]


def test_small_amounts_do_not_grow(conn: Connection) -> None:
    for number, kwh in enumerate((11, 20.9, 21), start=1):
        tell(conn, number, [waste(kwh)])
    assert line(conn, "is_grown") == [(False,), (False,), (True,)]


def test_a_corrected_report_replaces_the_one_before(conn: Connection) -> None:
    first = tell(conn, 1, [waste(40)])
    second = tell(conn, 1, [waste(30)], version=2)
    assert line(conn, "report_run_id", "energy_so_far_kwh", "week_number") == [(second, 30, 1)]
    moment = "2026-01-12T05:00Z"
    assert not store_week(conn, first, ReportWeek(SITE, "2026-01-05", "2026-01-05", moment, moment, moment, [], []))
    assert line(conn, "report_run_id") == [(second,)]
    tell(conn, 1, [], version=3)
    assert line(conn, "state") == []


def test_of_two_periods_in_one_week_that_from_monday_counts(conn: Connection) -> None:
    run = tell(conn, 1, [waste(40)])
    tell(conn, 1, [waste(70)], first_day=2, version=5)
    assert line(conn, "report_run_id", "energy_kwh") == [(run, 40)]
    tell(conn, 2, [waste(50)], first_day=2)
    assert line(conn, "energy_kwh") == [(40,), (50,)]


def test_sites_and_meters_are_apart(conn: Connection) -> None:
    tell(conn, 1, [waste(40), waste(20, meter=BOILER)])
    tell(conn, 1, [waste(10)], site_id=OTHER_SITE)
    tell(conn, 2, [])
    rows = db.fetch_all(
        conn, "SELECT site_id, finding_id, energy_so_far_kwh, state FROM v_findings ORDER BY site_id, finding_id"
    )
    assert rows == [
        (7, "after_hours-10", 40, "open"), (7, "after_hours-11", 20, "open"), (8, "after_hours-10", 10, "new"),
    ]  # fmt: skip


def test_a_level_that_rose_stays_until_it_is_down_again(conn: Connection) -> None:
    level = ReportFinding(
        finding_id_of(FindingKind.LEVEL_UP, AHU), FindingKind.LEVEL_UP, None, AHU, "AHU", "its level rose", 100.0, 12.0,
        "USD", "medium", None, 6.0, 4.0,
    )  # fmt: skip
    tell(conn, 1, [level])
    for number, mean_kw in enumerate((6.1, 5.0, 4.9, 4.2), start=2):
        tell(conn, number, [], [ReportMeter(AHU, mean_kw, 1.0, 100.0, False)])
    assert line(conn, "status", "state", finding_id=level.finding_id) == [
        ("seen", "new"), ("persists", "open"), ("persists", "open"), ("clear", "open"), ("clear", "solved"),
    ]  # fmt: skip


def mark(conn: Connection, state: str, seen_week: str = "2026-01-05") -> None:
    db.execute(
        conn,
        "INSERT INTO finding_marks (organization_id, finding_id, state, made_by, seen_week, done_on)"
        " VALUES (%s, %s, %s, 'J. Ortiz', %s, CASE WHEN %s = 'done' THEN date '2026-01-13' END)",
        (SITE, WASTE, state, seen_week, state),
    )


@pytest.mark.parametrize("state", ["not-needed", "wrong"])
def test_what_is_accepted_is_silent_unless_it_grows(conn: Connection, state: str) -> None:
    tell(conn, 1, [waste(40)])
    mark(conn, state)
    assert line(conn, "said", "is_silent", "basis_kwh") == [(state, True, 40)]
    for number, kwh in enumerate((59.9, 60, 41), start=2):
        tell(conn, number, [waste(kwh)])
    assert line(conn, "is_silent") == [(True,), (True,), (False,), (True,)]
    mark(conn, "open", "2026-01-26")
    assert line(conn, "said", "is_silent")[-1] == ("open", False)


def test_what_is_planned_or_done_is_not_silent(conn: Connection) -> None:
    tell(conn, 1, [waste(40)])
    mark(conn, "planned")
    assert line(conn, "said", "is_silent", "done_on") == [("planned", False, None)]
    mark(conn, "done")
    assert line(conn, "said", "is_silent", "done_on") == [("done", False, date(2026, 1, 13))]


MANY = """
INSERT INTO report_weeks SELECT s * 1000 + w, s, date '2025-01-06' + 7 * w, date '2025-01-06' + 7 * w,
    timestamptz '2025-01-06 05:00Z' + w * interval '7 days', timestamptz '2025-01-13 05:00Z' + w * interval '7 days',
    timestamptz '2025-01-13 12:00Z' + w * interval '7 days'
FROM generate_series(1, 60) AS s, generate_series(0, 51) AS w;
INSERT INTO report_findings SELECT s * 1000 + w, s, 'after_hours-' || (s * 100 + f), 'after_hours', NULL, s * 100 + f,
    'm', 't', 40 + w, 4, 'USD', 'high', 'recurring', 3, 1, '{}'
FROM generate_series(1, 60) AS s, generate_series(0, 51) AS w, generate_series(1, 5) AS f WHERE w / (5 + f) % 2 = 0;
INSERT INTO report_meters SELECT s * 1000 + w, s, s * 100 + f, 5, 1, 100, false
FROM generate_series(1, 60) AS s, generate_series(0, 51) AS w, generate_series(1, 20) AS f;
ANALYZE report_weeks; ANALYZE report_findings; ANALYZE report_meters;
"""


def test_the_findings_of_one_site_cost_nothing_by_the_others(conn: Connection) -> None:
    """Joined week by week, a site of 200 took eleven seconds; each part is read once, by its site."""
    db.execute(conn, MANY)
    plan = db.fetch_all(conn, "EXPLAIN (ANALYZE, FORMAT TEXT) SELECT * FROM v_findings WHERE site_id = 7")
    reads = [text for (text,) in plan if " on report_" in text]
    assert reads
    assert not [text for text in reads if "Seq Scan" in text]
    assert all("loops=1)" in text for text in reads)


def level(kwh: float, meter_id: int = AHU) -> ReportFinding:
    """Return a level that rose for good from 4 to 6 kW, at a tenth of a dollar a kWh."""
    return ReportFinding(
        finding_id_of(FindingKind.LEVEL_UP, meter_id), FindingKind.LEVEL_UP, None, meter_id, "AHU", "its level rose",
        kwh, kwh / 10, "USD", "medium", None, 6.0, 4.0,
    )  # fmt: skip


def found(conn: Connection) -> list[tuple[Any, ...]]:
    """Return every finding of the site: id, state, the one that it is the same as, and its energy."""
    return db.fetch_all(
        conn,
        "SELECT finding_id, state, same_as, energy_kwh, last_energy_kwh FROM v_findings WHERE site_id = %s ORDER BY 1",
        (SITE,),
    )


LEVEL = finding_id_of(FindingKind.LEVEL_UP, AHU)


def test_one_waste_under_two_kinds_is_one_finding(conn: Connection) -> None:
    """What leaks by day and night is told as a level that rose, and as what runs while closed a week later."""
    tell(conn, 1, [level(1440)], [ReportMeter(AHU, 6.0, 3.0, 100.0, False)])
    tell(conn, 2, [waste(1270)], [ReportMeter(AHU, 6.0, 3.0, 100.0, False)])
    assert found(conn) == [(WASTE, "new", LEVEL, 1270, 1270), (LEVEL, "open", None, 1440, 1440)]
    for number in (3, 4):
        tell(conn, number, [], [ReportMeter(AHU, 4.0, 1.0, 100.0, False)])
    assert [row[:3] for row in found(conn)] == [(WASTE, "solved", None), (LEVEL, "solved", None)]


def test_the_first_of_two_kinds_keeps_its_name_and_has_the_larger_energy(conn: Connection) -> None:
    still = [ReportMeter(AHU, 6.0, 3.0, 100.0, False)]
    tell(conn, 1, [waste(124, pattern="once", level_kw=None)], still)
    tell(conn, 2, [waste(500), level(2994)], still)
    assert found(conn) == [(WASTE, "open", None, 2994, 2994), (LEVEL, "new", WASTE, 2994, 2994)]
    assert line(conn, "energy_so_far_kwh") == [(124,), (3118,)]


@pytest.mark.parametrize(("weeks", "same_as"), [(2, WASTE), (3, None)])
def test_what_begins_much_later_is_another_finding(conn: Connection, weeks: int, same_as: str | None) -> None:
    for number in range(1, weeks + 1):
        tell(conn, number, [waste(500)])
    tell(conn, weeks + 1, [waste(500), level(2994)])
    assert [row[2] for row in found(conn)] == [None, same_as]


def test_other_kinds_and_other_meters_are_apart(conn: Connection) -> None:
    high = waste(300)._replace(finding_id=finding_id_of(FindingKind.HIGH_USE, AHU), kind=FindingKind.HIGH_USE)
    silent = ReportFinding("meter_silent-10", FindingKind.METER, "silent", AHU, "AHU", "silent")
    tell(conn, 1, [waste(500), high, silent, level(2994, meter_id=BOILER)])
    assert {row[2] for row in found(conn)} == {None}


def test_what_is_the_same_as_something_accepted_is_silent_with_it(conn: Connection) -> None:
    tell(conn, 1, [level(1440)], [ReportMeter(AHU, 6.0, 3.0, 100.0, False)])
    db.execute(
        conn,
        "INSERT INTO finding_marks (organization_id, finding_id, state, made_by, seen_week)"
        " VALUES (%s, %s, 'not-needed', 'J. Ortiz', '2026-01-05')",
        (SITE, LEVEL),
    )
    tell(conn, 2, [waste(1270)], [ReportMeter(AHU, 6.0, 3.0, 100.0, False)])
    assert line(conn, "is_silent", "same_as") == [(True, LEVEL)]


def test_what_is_solved_is_back_only_where_a_report_says_so(conn: Connection) -> None:
    """In winter a heater draws by night what the waste did: of a load alone nobody says that the waste is back."""
    tell(conn, 1, [waste(40)], [meter(closed_kw=3.0)])
    tell(conn, 2, [])
    tell(conn, 3, [])
    tell(conn, 4, [], [meter(closed_kw=3.0)])
    tell(conn, 5, [waste(40)], [meter(closed_kw=3.0)])
    assert line(conn, "status", "state", "clear_weeks", "back_after_weeks") == [
        ("seen", "new", 0, None), ("clear", "open", 1, None), ("clear", "solved", 2, None),
        ("clear", "solved", 3, None), ("seen", "back", 0, 3),
    ]  # fmt: skip


def test_what_was_accepted_before_its_first_report_is_told_where_it_grows(conn: Connection) -> None:
    """A mail tells of a finding days before the report, and people answer it."""
    tell(conn, 1, [])
    mark(conn, "not-needed", "2026-01-05")
    for number, kwh in enumerate((40, 59, 60), start=2):
        tell(conn, number, [waste(kwh)])
    assert line(conn, "is_silent", "basis_kwh") == [(True, 40), (True, 40), (False, 40)]
