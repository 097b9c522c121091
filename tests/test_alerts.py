"""Alerts: told once when something begins and once when it is over, by real SMTP and HTTP, never while muted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_server import PASSWORD, USER, RunningServer, run_mail_server
from site_factory import SITE_ID, make_site
from web_server import Listener, run_web_server

from govern.checks.verdict import SYSTEM_ID
from ingest.storage.sites import register_site
from lib import db, webhook
from lib.errors import DeliveryError
from operations import mute_alerts, send_alerts
from operations.alerts.episodes import (
    BREAKER_OPEN,
    STALE,
    Condition,
    Episode,
    Mute,
    follow_episodes,
    from_json,
    mark_told,
    pending,
    still_open,
    to_json,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN = Condition(BREAKER_OPEN, SITE_ID, "check x failed; do y")
OTHER = Condition(STALE, 7, "silent")


def look(known: list[Episode], *found: Condition, now: datetime = NOW, mutes: tuple[Mute, ...] = ()) -> tuple[Any, Any]:
    """Follow, tell by "mail" what is pending, and return (what was told, what is remembered)."""
    episodes = follow_episodes(known, found, now)
    due = pending(episodes, mutes, "mail", now)
    told = [(episode.key, episode.ended is None) for episode in due]
    keys = {episode.key for episode in due}
    return told, still_open([mark_told(one, "mail") if one.key in keys else one for one in episodes])


def test_an_episode_is_told_at_its_beginning_and_its_end_only() -> None:
    told, known = look([], OPEN, OTHER)
    assert told == [("breaker_open:23271", True), ("stale:7", True)]
    told, known = look(known, OTHER._replace(text="silent for longer"), OPEN, now=NOW + HOUR)
    assert told == []
    assert [episode.text for episode in known] == ["check x failed; do y", "silent for longer"]
    told, known = look(known, OTHER, now=NOW + 2 * HOUR)
    assert (told, [episode.key for episode in known]) == ([("breaker_open:23271", False)], ["stale:7"])
    told, known = look(known, OPEN, OTHER, now=NOW + 3 * HOUR)
    assert told == [("breaker_open:23271", True)]


def test_a_mute_holds_the_news_back_until_it_expires() -> None:
    mute = Mute(BREAKER_OPEN, SITE_ID, NOW + 5 * HOUR, "works")
    told, known = look([], OPEN, OTHER, mutes=(mute,))
    assert told == [("stale:7", True)]
    told, known = look(known, OPEN, OTHER, now=NOW + 5 * HOUR, mutes=(mute,))
    assert told == [("breaker_open:23271", True)]


def test_what_begins_and_ends_within_a_mute_is_never_told() -> None:
    mute = Mute(None, None, NOW + 5 * HOUR, "works")
    _, known = look([], OPEN, mutes=(mute,))
    assert look(known, now=NOW + HOUR, mutes=(mute,)) == ([], [])


def test_who_could_not_be_told_is_told_later_and_alone() -> None:
    (episode,) = follow_episodes([], [OPEN], NOW)
    episode = mark_told(episode, "mail")
    assert pending([episode], [], "mail", NOW) == []
    assert pending([episode], [], "webhook", NOW) == [episode]
    (ended,) = follow_episodes([episode], [], NOW + HOUR)
    assert pending([ended], [], "webhook", NOW) == []  # it never heard of the beginning
    ended = mark_told(ended, "mail")
    assert still_open([ended]) == []
    (back,) = follow_episodes([ended], [OPEN], NOW + 2 * HOUR)
    assert pending([back], [], "mail", NOW) == [back]


@given(st.lists(st.lists(st.sampled_from([OPEN, OTHER]), unique=True), max_size=12))
def test_beginnings_and_ends_take_turns(looks: list[list[Condition]]) -> None:
    told: dict[str, list[bool]] = {}
    known: list[Episode] = []
    for number, found in enumerate(looks):
        news, known = look(known, *found, now=NOW + number * HOUR)
        for key, is_beginning in news:
            told.setdefault(key, []).append(is_beginning)
        assert {one.key for one in known} == {one.key for one in found}
        known = [from_json(json.loads(json.dumps(to_json(one)))) for one in known]  # as between two runs
    for turns in told.values():
        assert turns == [place % 2 == 0 for place in range(len(turns))]


# --- Webhook and heartbeat --------------------------------------------------------------------------------------------


@pytest.fixture
def listener() -> Iterator[Listener]:
    with run_web_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_BACKOFF", 0.0)


def test_webhook_survives_a_passing_fault(listener: Listener) -> None:
    listener.statuses.extend([503, 429])
    webhook.post_json(f"{listener.url}/hook", {"text": "ü"})
    assert listener.received == [("POST", "/hook", {"text": "ü"})] * 3


@pytest.mark.parametrize("statuses, asked", [([404], 1), ([302], 1), ([500] * 4, 4)])
def test_webhook_that_refuses_is_named_without_its_secret(listener: Listener, statuses: list[int], asked: int) -> None:
    listener.statuses.extend(statuses)
    with pytest.raises(DeliveryError, match=f"host 127.0.0.1 answered {statuses[0]}") as caught:
        webhook.post_json(f"{listener.url}/secret-token", {})
    assert len(listener.received) == asked
    assert "secret-token" not in str(caught.value)


def test_webhook_that_is_not_there_is_named_without_its_secret() -> None:
    with pytest.raises(DeliveryError, match="no answer from the host 127.0.0.1") as caught:
        webhook.ping("http://127.0.0.1:9/secret-token")
    assert "secret-token" not in str(caught.value)


def test_heartbeat_is_asked_once_or_not_at_all(listener: Listener, run_script: Callable[..., Any]) -> None:
    done = run_script("operations/ping_heartbeat.py", env={"HEARTBEAT_URL": f"{listener.url}/beat"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert listener.received == [("GET", "/beat", None)]
    assert run_script("operations/ping_heartbeat.py").returncode == 0
    assert len(listener.received) == 1


# --- The script -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with run_mail_server(tmp_path_factory.mktemp("mail")) as running:
        yield running


@pytest.fixture
def told(
    conn: Connection, database_url: str, mail: RunningServer, listener: Listener, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[int, list[str], list[str]]]:  # fmt: skip
    """Run the alerts on a stored site, and return the exit code, the subjects of mails, and the webhook's texts."""
    make_site(conn, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    sites = tmp_path / "sites"
    sites.mkdir()
    mail.inbox.messages.clear()
    environment = {
        "DATABASE_URL": database_url, "SSL_CERT_FILE": str(mail.authority), "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail.server.port), "SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD,
        "MAIL_FROM": "energy@example.com", "ALERT_RECIPIENTS": "operator@example.com",
        "ALERT_WEBHOOK_URL": f"{listener.url}/hook",
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(send_alerts, "SITES_DIR", sites)
    for script in (send_alerts, mute_alerts):
        monkeypatch.setattr(script, "STATE_DIR", tmp_path / "state")

    def run(*arguments: str) -> tuple[int, list[str], list[str]]:
        mail.inbox.messages.clear()
        listener.received.clear()
        code = send_alerts.main(list(arguments))
        mails = [f"{message['To']}: {message['Subject']}" for message in mail.inbox.messages]
        return code, mails, [payload["text"] for _, _, payload in listener.received]

    return run


def open_breaker(conn: Connection, verdict: str, site_id: int = SITE_ID) -> None:
    ((run_id,),) = db.fetch_all(
        conn,
        "INSERT INTO validation_runs (organization_id, started_at, covers_from, verdict, checks_run, limits)"
        " VALUES (%s, now(), now(), %s, 1, '{}') RETURNING validation_run_id",
        (site_id, verdict),
    )
    db.execute(
        conn,
        "INSERT INTO validation_results VALUES (%s, 'some_check', 'block', %s, 1, 'channel <b>x</b>', 'do y')",
        (run_id, verdict == "closed"),
    )
    if verdict == "open":
        db.execute(
            conn,
            "INSERT INTO validation_findings VALUES (%s, 'some_check', 0, 'block', 1, 'channel <b>x</b>', '[]')",
            (run_id,),
        )
    conn.commit()


def add_sites(conn: Connection, *site_ids: int) -> None:
    for site_id in site_ids:
        register_site(conn, {"organization_id": site_id, "name": "s", "timezone": "UTC"}, [], [], "file")
        open_breaker(conn, "closed", site_id)


def test_an_open_breaker_is_told_by_mail_and_webhook_until_it_closes(
    conn: Connection, told: Callable[..., Any]
) -> None:
    open_breaker(conn, "open")
    subject = f"reports are held back (site {SITE_ID})"
    text = f"Alert: {subject}: channel <b>x</b>; do y"
    assert told() == (0, [f"operator@example.com: Alert: {subject}"], [text])
    assert told() == (0, [], [])
    open_breaker(conn, "closed")
    code, mails, texts = told()
    assert (code, len(mails), len(texts)) == (0, 1, 1)
    assert mails[0].startswith(f"operator@example.com: Over: {subject}, since ")
    assert told() == (0, [], [])


def test_a_breaker_of_the_whole_system_is_told_once_and_not_for_every_site(
    conn: Connection, told: Callable[..., Any]
) -> None:
    add_sites(conn, SITE_ID, 7, 8)
    open_breaker(conn, "open", SYSTEM_ID)
    text = "reports are held back (all sites)"
    assert told() == (0, [f"operator@example.com: Alert: {text}"], [f"Alert: {text}: channel <b>x</b>; do y"])
    assert told() == (0, [], [])
    open_breaker(conn, "open", 7)  # what is wrong with a site itself is told besides
    assert told()[1] == ["operator@example.com: Alert: reports are held back (site 7)"]
    open_breaker(conn, "closed", SYSTEM_ID)
    _, mails, texts = told()
    assert (len(mails), len(texts)) == (1, 1)
    assert mails[0].startswith(f"operator@example.com: Over: {text}, since ")
    open_breaker(conn, "closed", 7)
    assert [mail.split(", since")[0] for mail in told()[1]] == [
        "operator@example.com: Over: reports are held back (site 7)"
    ]


def test_without_an_operator_the_sites_recipients_hear_what_concerns_all_sites(
    conn: Connection, told: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALERT_RECIPIENTS")
    for site_id in (7, 8):
        (tmp_path / "sites" / f"{site_id}.toml").write_text(f'[alerts]\nrecipients = ["own{site_id}@example.com"]\n')
    add_sites(conn, SITE_ID, 7, 8)
    open_breaker(conn, "open", SYSTEM_ID)
    subject = "Alert: reports are held back (all sites)"
    assert told()[1] == [f"own7@example.com: {subject}", f"own8@example.com: {subject}"]


def test_a_webhook_that_was_down_is_told_by_the_next_run(
    conn: Connection, told: Callable[..., Any], listener: Listener
) -> None:
    open_breaker(conn, "open")
    listener.statuses.extend([500] * 4)
    code, mails, _ = told()
    assert (code, len(mails)) == (1, 1)
    code, mails, texts = told()
    assert (code, mails, len(texts)) == (0, [], 1)


def test_a_failed_sync_is_told_until_one_succeeds(told: Callable[..., Any]) -> None:
    _, mails, texts = told("--sync-exit-code", "1")
    assert mails == ["operator@example.com: Alert: the sync failed (all sites)"]
    assert texts == ["Alert: the sync failed (all sites): it ended with exit code 1; see logs/daily_sync.log"]
    assert told()[1:] == ([], [])  # an hourly look knows no more
    assert told("--sync-exit-code", "1")[1:] == ([], [])
    _, mails, _ = told("--sync-exit-code", "3")
    assert len(mails) == 1 and "Over: the sync failed" in mails[0]


def test_a_failed_sync_of_one_site_is_over_when_that_one_succeeds(told: Callable[..., Any]) -> None:
    assert told("--sync-exit-code", "1")[1] == ["operator@example.com: Alert: the sync failed (all sites)"]
    failed = told("--sync-exit-code", "1", "--site", "7")[1]
    assert failed == ["operator@example.com: Alert: the sync failed (site 7)"]
    over = told("--sync-exit-code", "0", "--site", "8")[1]
    assert len(over) == 1 and "Over: the sync failed (all sites)" in over[0]
    assert told()[1:] == ([], [])
    over = told("--sync-exit-code", "3", "--site", "7")[1]
    assert len(over) == 1 and "Over: the sync failed (site 7)" in over[0]
    told("--sync-exit-code", "2", "--site", "7")
    over = told("--sync-exit-code", "0")[1]
    assert len(over) == 1 and "Over: the sync failed (site 7)" in over[0], "a sync of all sites"


def test_a_stale_site_tells_its_own_recipients(conn: Connection, told: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "sites" / f"{SITE_ID}.toml").write_text('[alerts]\nrecipients = ["own@example.com"]\n')
    db.execute(conn, "UPDATE ingestion_logs SET finished_at = now() - interval '40 hours'")
    conn.commit()
    _, mails, _ = told()
    assert mails == [f"own@example.com: Alert: no new readings (site {SITE_ID})"]


def test_a_database_that_is_away_ends_no_episode(
    conn: Connection, told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    open_breaker(conn, "open")
    told()
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    _, mails, _ = told()
    assert mails == ["operator@example.com: Alert: the database does not answer (all sites)"]
    monkeypatch.setenv("DATABASE_URL", database_url)
    _, mails, _ = told()
    assert len(mails) == 1 and "Over: the database does not answer" in mails[0]


def test_a_mute_is_set_listed_and_cleared(
    conn: Connection, told: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    open_breaker(conn, "open")
    day = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert mute_alerts.main(["--site", str(SITE_ID), "--until", day, "--reason", "works\x1b[2J"]) == 0
    assert told()[1:] == ([], [])
    capsys.readouterr()
    mute_alerts.main(["--list"])
    assert capsys.readouterr().out.startswith(f"site {SITE_ID}, every kind: muted until ")
    mute_alerts.main(["--site", str(SITE_ID), "--clear"])
    assert capsys.readouterr().out == "no mutes hold\n"
    assert len(told()[1]) == 1


@pytest.mark.parametrize(
    "arguments, problem",
    [(["--until", "2020-01-01", "--reason", "x"], "is over already"), (["--until", "2150-01-01"], "give --reason")],
)
def test_a_mute_without_end_or_reason_is_refused(
    run_script: Callable[..., Any], arguments: list[str], problem: str
) -> None:
    done = run_script("operations/mute_alerts.py", *arguments)
    assert done.returncode == 2
    assert problem in done.stderr
