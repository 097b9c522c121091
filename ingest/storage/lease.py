"""One ingest a site at a time: a row that its holder renews while it lives.

A row and not a lock of the session, for a transaction-pooling proxy gives each transaction another session. A holder
that was killed renews no more, so that the next one waits for seconds only. Should two ever be at work at once (one
was suspended, and woke up), nothing is doubled: every unit of work is a transaction that inserts only what is new.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib import db
from lib.errors import BusyError, PipelineError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_RENEWALS_PER_TERM = 4  # three may fail before the lease ends
_POLL_S = 0.5
_GRACE_S = 2.0  # beyond the term of a holder that was killed just now

_TAKE = """
INSERT INTO ingest_leases AS held (organization_id, holder, taken_at, expires_at)
VALUES (%(site_id)s, %(holder)s, clock_timestamp(), clock_timestamp() + %(term_s)s * interval '1 second')
ON CONFLICT (organization_id) DO UPDATE
    SET holder = excluded.holder, taken_at = excluded.taken_at, expires_at = excluded.expires_at
    -- One that was taken in the future is of a time when the database's clock was fast.
    WHERE held.expires_at < excluded.taken_at OR held.taken_at > excluded.taken_at + interval '1 hour'
"""
_RENEW = """
UPDATE ingest_leases SET expires_at = statement_timestamp() + %(term_s)s * interval '1 second'
WHERE organization_id = %(site_id)s AND holder = %(holder)s
"""
_CLOSE_ABANDONED = """
UPDATE ingestion_logs SET status = 'interrupted', finished_at = statement_timestamp(),
    error = 'the run ended before this attempt did; run again to fetch the window'
WHERE organization_id = %(site_id)s AND status = 'running'
"""


@contextmanager
def site_lease(
    database_url: str,
    site_id: int,
    script: str,
    term_s: float,
    *,
    on_lost: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Hold the site's lease within the block.

    If another process holds it, wait as long as a dead one could, and then leave. Attempts that a killed run left
    behind as running are closed.

    Parameters
    ----------
    script
        Who asks, for the other one's message.
    term_s
        How long the lease outlives its last renewal [s].
    on_lost
        Called from another thread when the lease could not be renewed and somebody else has it.

    Raises
    ------
    BusyError
        When another process is at work on the site.
    """
    holder = f"{script} on {socket.gethostname()}, process {os.getpid()}, {secrets.token_hex(4)}"
    parameters = {"site_id": site_id, "holder": holder, "term_s": term_s}
    _take(database_url, parameters, term_s)
    done = threading.Event()
    keeper = threading.Thread(target=_keep, args=(database_url, parameters, done, on_lost), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        _release(database_url, parameters)


def _take(database_url: str, parameters: dict[str, object], term_s: float) -> None:
    """Take the lease, waiting for a holder that may be dead."""
    wait_until = time.monotonic() + term_s + _GRACE_S
    has_told = False
    with db.connect(database_url) as conn:
        while not _try_to_take(conn, parameters):
            holder = _holder(conn, parameters)
            conn.rollback()
            if time.monotonic() >= wait_until:
                raise BusyError(f"site {parameters['site_id']}: {holder} is at work; let it end, and run again")
            if not has_told:
                logger.warning("site %s: waiting for %s", parameters["site_id"], holder)
                has_told = True
            time.sleep(_POLL_S)


def _try_to_take(conn: Connection, parameters: dict[str, object]) -> bool:
    is_taken = db.execute(conn, _TAKE, parameters) == 1
    if is_taken:
        db.execute(conn, _CLOSE_ABANDONED, parameters)
    conn.commit()
    return is_taken


def _holder(conn: Connection, parameters: dict[str, object]) -> str:
    row = db.fetch_one(
        conn,
        "SELECT holder, to_char(taken_at AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM ingest_leases"
        " WHERE organization_id = %(site_id)s",
        parameters,
    )
    return "another process" if row is None else f"{row[0]} (since {row[1]} UTC)"


def _keep(database_url: str, parameters: dict[str, object], done: threading.Event, on_lost: Callable[[], None]) -> None:
    """Renew the lease until done; a connection that breaks is opened again at the next turn."""
    pause_s = float(str(parameters["term_s"])) / _RENEWALS_PER_TERM
    while not done.wait(pause_s):
        try:
            with db.connect(database_url) as conn:
                is_held = True
                while is_held and not done.is_set():
                    is_held = db.execute(conn, _RENEW, parameters) == 1
                    conn.commit()
                    done.wait(pause_s)
        except PipelineError as err:
            logger.warning("site %s: the lease could not be renewed: %s", parameters["site_id"], err)
            continue
        if not is_held:
            logger.error("site %s: another process took over; this one stops", parameters["site_id"])
            on_lost()
            return


def _release(database_url: str, parameters: dict[str, object]) -> None:
    """Give the lease back; if that fails it ends by itself."""
    try:
        with db.connect(database_url) as conn:
            db.execute(
                conn,
                "DELETE FROM ingest_leases WHERE organization_id = %(site_id)s AND holder = %(holder)s",
                parameters,
            )
            conn.commit()
    except PipelineError as err:
        logger.warning("site %s: the lease ends by itself: %s", parameters["site_id"], err)
