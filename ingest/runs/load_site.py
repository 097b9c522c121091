"""One site's run: fetch every channel of a registered site side by side, load and log each window.

The workers only fetch and parse; this thread alone speaks to the database. One channel and window is one transaction,
so a kill loses at most that and the next run makes up for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from config.site_file import IngestLimits
from ingest.eniscope.client import EniscopeClient, in_haste
from ingest.eniscope.fetch import (
    WINDOW_DAYS,
    ChannelReadings,
    UnusableReplyError,
    fetch_channel,
)
from ingest.eniscope.field_sets import FieldAsks, FieldBook, FieldSet
from ingest.eniscope.troubles import Troubles, gather_troubles
from ingest.runs.registration import UNREADABLE, Site
from ingest.runs.window_queue import Wanted, WindowQueue
from ingest.storage import attempts, readings, rejects, sites
from ingest.storage.plausibility import REJECT_EMPTY, Rules
from ingest.storage.readings import Stored
from lib.date_utils import Window, align_up, split_window
from lib.errors import (
    ApiError,
    AuthenticationError,
    DataError,
    PipelineError,
    RefusedWindowError,
    UnreachableError,
    UnsupportedFieldsError,
)
from lib.logs import clean_text
from lib.progress import is_terminal, progress_bar
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_GIVEN_UP = "not asked for: the channel gave no answer, twice; run again to fetch the window"
# A stretch that lacked values reaches beyond the window if it begins this near to its start.
LATE_AT_START = timedelta(hours=1)


@dataclass
class IngestSummary:
    """What a run did, in readings and channels."""

    site_id: int
    channels: int
    is_sandbox: bool
    fetched: int = 0
    inserted: int = 0
    duplicate: int = 0
    filled: int = 0
    empty: int = 0
    rejected: int = 0
    troubles: Troubles = field(default_factory=Troubles)
    served: set[int] = field(default_factory=set)
    left_out: list[dict[str, Any]] = field(default_factory=list)  # by the site's file
    unsupported: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    reduced: dict[int, FieldSet] = field(default_factory=dict)  # channels that answer fewer fields, and which they do
    license_note: str | None = None  # which licenses end soon, if any
    refillable: list[int] = field(default_factory=list)  # channels whose earlier readings lack fields that they have


OnStored = Callable[["Connection", Wanted, Stored], None]
OnFailed = Callable[["Connection", Wanted], None]


class _Task(NamedTuple):
    attempt: attempts.Attempt
    log_id: int
    wanted: Wanted
    is_hasty: bool
    asks: FieldAsks
    last_energy_s: float | None  # when the record of energy before the window began, epoch seconds
    troubles: Troubles  # filled by the worker that fetches it


def ingest_readings(
    conn: Connection,
    client: EniscopeClient,
    site: Site,
    window: Window,
    interval_s: int,
    workers: int,
    limits: IngestLimits | None = None,
) -> IngestSummary:
    """Fetch every channel of the site over the window, several side by side, and load what comes.

    A channel that came from another site is asked from its move on: what it measured before is the other site's.
    """
    wanted = [
        Wanted(channel["channel_id"], part, interval_s)
        for channel in site.channels
        for part in split_window(_since_move(window, site, channel["channel_id"], interval_s), WINDOW_DAYS[interval_s])
    ]
    return ingest_windows(conn, client, site, wanted, workers, limits)


def ingest_windows(
    conn: Connection,
    client: EniscopeClient,
    site: Site,
    wanted: Sequence[Wanted],
    workers: int,
    limits: IngestLimits | None = None,
    on_stored: OnStored | None = None,
    on_failed: OnFailed | None = None,
) -> IngestSummary:
    """Fetch what is wanted of the site's channels, several side by side, and load what comes.

    One channel's failure is logged and the others go on; the summary names it. A channel without an answer is asked
    once more after all others. A refused login, or a service that does not answer for the site either, ends the run.

    Parameters
    ----------
    limits
        What a record can be at all; the defaults where None.
    on_stored, on_failed
        Called when a stretch was answered and stored, or failed, within the same transaction.
    """
    known = sites.load_channel_fields(conn, site.site_id)
    conn.commit()
    book = FieldBook(known, site.type_fields, datetime.now(UTC))
    summary = IngestSummary(site.site_id, len(site.channels), client.source == DataSource.SANDBOX, served=set(known))
    summary.left_out, summary.license_note = site.left_out, site.license_note
    queue = WindowQueue(wanted, {channel["channel_id"]: channel["device_id"] for channel in site.channels})
    run = _Run(conn, client, site, limits or IngestLimits(), book, queue, summary, on_stored, on_failed)
    with ThreadPoolExecutor(workers) as pool, progress_bar(len(wanted), "window") as advance:
        try:
            for task, future in _side_by_side(pool, run.take, run.fetch, limit=2 * workers):
                run.settle(task, future)
                advance(f"channel {task.attempt.channel_id}")
        except BaseException as err:
            client.stop()  # the pool waits for its threads, and they may be waiting for the service
            if not conn.closed:
                conn.rollback()
                attempts.interrupt_run(conn, site.run_id, clean_text(str(err) or type(err).__name__))
                conn.commit()
                pool.shutdown(cancel_futures=True)
                _note_troubles(conn, run.unsettled.values())
            raise
    summary.failed += sorted((queue.given_up | queue.refused | queue.unasked) - set(summary.failed))
    _sum_up_fields(summary, book, site)
    return summary


@dataclass
class _Run:
    """What a run works with: the windows that wait, what is known of each channel, and what came so far."""

    conn: Connection
    client: EniscopeClient
    site: Site
    limits: IngestLimits
    book: FieldBook
    queue: WindowQueue
    summary: IngestSummary
    on_stored: OnStored | None
    on_failed: OnFailed | None
    unsettled: dict[int, _Task] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types = {channel["channel_id"]: channel["device_type_id"] for channel in self.site.channels}

    def take(self) -> _Task | None:
        """Begin the next window, logged as running; a channel found unsupported is asked no more."""
        if self.queue.is_fruitless and not self.unsettled:
            self._log_given_up(self.queue.give_up_all())
        ask = self.queue.take()
        while ask is not None and ask.wanted.channel_id in self.summary.unsupported:
            ask = self.queue.take()
        return None if ask is None else self._begin(ask.wanted, is_hasty=ask.is_hasty)

    def _begin(self, wanted: Wanted, *, is_hasty: bool) -> _Task:
        attempt = attempts.Attempt(self.site.run_id, self.site.site_id, *wanted, self.client.source)
        log_id = attempts.start_attempt(self.conn, attempt)
        before_s = readings.last_energy_s(self.conn, attempt, self.limits.max_catch_up_hours)
        self.conn.commit()
        asks = self.book.plan(wanted.channel_id, self.types[wanted.channel_id])
        self.unsettled[log_id] = _Task(attempt, log_id, wanted, is_hasty, asks, before_s, Troubles())
        return self.unsettled[log_id]

    def fetch(self, task: _Task) -> ChannelReadings:
        """Fetch what a task wants; the workers do this, and nothing else."""
        attempt = task.attempt
        rules = _rules(self.limits, task, datetime.now(UTC))
        try:
            with gather_troubles(task.troubles), in_haste() if task.is_hasty else nullcontext():
                return fetch_channel(
                    self.client, attempt.channel_id, attempt.window, attempt.interval_s, task.asks, rules
                )
        except UNREADABLE as err:
            raise DataError(
                f"channel {attempt.channel_id}, {attempt.window}: unreadable reply ({err!r}); "
                "run again, or ask the vendor"
            ) from err

    def settle(self, task: _Task, future: Future[ChannelReadings]) -> None:
        """Load what a task fetched, or log why it did not, and judge what that says of the channel and the service."""
        self.summary.troubles.add(task.troubles)
        failure = _settle(self.conn, task, future, self.summary, self.book, self.on_stored, self.on_failed)
        del self.unsettled[task.log_id]
        if isinstance(failure, UnreachableError):
            self._log_given_up(self.queue.note_silence(task.wanted))
            if self.queue.is_suspicious:
                self._ask_for_site(failure)
                self.queue.note_service_answers()
        elif isinstance(failure, RefusedWindowError):
            self.queue.note_refusal(task.wanted)
        else:
            if isinstance(failure, AuthenticationError):
                self._ask_for_site(failure)
            self.queue.note_answer(task.wanted)

    def _ask_for_site(self, failure: PipelineError) -> None:
        """Ask for the site itself; where that fails too, it is not the channels that failed, and the run ends.

        Raises
        ------
        PipelineError
            What the last channel met.
        """
        try:
            with gather_troubles(self.summary.troubles):
                self.client.get_organization(self.site.site_id)
        except ApiError as err:
            logger.error("site %d: %s", self.site.site_id, err)
            raise failure from err

    def _log_given_up(self, given_up: Sequence[Wanted]) -> None:
        """Log windows that are not asked for, for their channel gives no answer."""
        for wanted in given_up:
            attempt = attempts.Attempt(self.site.run_id, self.site.site_id, *wanted, self.client.source)
            log_id = attempts.start_attempt(self.conn, attempt)
            attempts.finish_attempt(self.conn, attempt, log_id, attempts.STATUS_FAILED, error=_GIVEN_UP)
            if self.on_failed is not None:
                self.on_failed(self.conn, wanted)
        self.conn.commit()


def _since_move(window: Window, site: Site, channel_id: int, interval_s: int) -> Window:
    """Return the part of a window in which a channel belongs to the site, empty where it came later."""
    if channel_id not in site.begins:
        return window
    begin = align_up(site.begins[channel_id], interval_s)
    return Window(min(max(window.start, begin), window.end), window.end)


def _sum_up_fields(summary: IngestSummary, book: FieldBook, site: Site) -> None:
    """Add to the summary which channels answer fewer fields, and which have fields that earlier readings lack."""
    for channel in site.channels:
        known = book.state_of(channel["channel_id"])
        if known.reduced_since is not None:
            summary.reduced[channel["channel_id"]] = known.asked
        elif known.refill_before is not None:
            summary.refillable.append(channel["channel_id"])


def _rules(limits: IngestLimits, task: _Task, now: datetime) -> Rules:
    # What was asked for is not in the future, whatever this machine's clock says.
    latest = max(now + timedelta(minutes=limits.max_future_minutes), task.attempt.window.end)
    most_kw = limits.max_power_of(task.attempt.channel_id)
    return Rules(most_kw, limits.max_catch_up_hours, task.last_energy_s, latest.timestamp())


def _note_troubles(conn: Connection, tasks: Iterable[_Task]) -> None:
    """Log what went wrong for attempts that the run's end interrupted."""
    for task in tasks:
        if task.troubles.counts:
            attempts.note_troubles(conn, task.attempt, task.log_id, task.troubles)
    conn.commit()


def _side_by_side(
    pool: Executor, take: Callable[[], _Task | None], work: Callable[[_Task], ChannelReadings], limit: int
) -> Iterator[tuple[_Task, Future[ChannelReadings]]]:
    """Yield tasks as they are done, with never more than `limit` begun or waiting to be loaded: memory stays flat.

    What is yielded may make further tasks, so it is over only when none is running and none can be taken.
    """
    running: dict[Future[ChannelReadings], _Task] = {}

    def fill() -> None:
        while len(running) < limit and (task := take()) is not None:
            running[pool.submit(work, task)] = task

    fill()
    try:
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future
                fill()
    finally:
        for future in running:
            future.cancel()


def _settle(
    conn: Connection,
    task: _Task,
    future: Future[ChannelReadings],
    summary: IngestSummary,
    book: FieldBook,
    on_stored: OnStored | None,
    on_failed: OnFailed | None,
) -> PipelineError | None:
    """Load what a task fetched, or log why it did not, as one transaction; return the failure, if any."""
    attempt, channel_id = task.attempt, task.attempt.channel_id
    try:
        result = future.result()
        readings.check_resolution(conn, channel_id, attempt.window, attempt.interval_s)
    except UnsupportedFieldsError as err:
        if channel_id in summary.served:
            # It has served these fields before, so it is this window that was refused, not the channel.
            return _settle_failure(conn, task, summary, err, on_failed)
        sites.mark_unsupported(conn, channel_id)
        attempts.finish_attempt(
            conn, attempt, task.log_id, attempts.STATUS_UNSUPPORTED, error=clean_text(str(err)), troubles=task.troubles
        )
        conn.commit()
        if channel_id not in summary.unsupported:
            summary.unsupported.append(channel_id)
            logger.warning("%s", err)
        return None
    except UnusableReplyError as err:
        rejects.store_rejects(
            conn, attempt.organization_id, channel_id, attempt.interval_s, attempt.run_id, err.quarantined
        )
        return _settle_failure(conn, task, summary, err, on_failed)
    except PipelineError as err:
        return _settle_failure(conn, task, summary, err, on_failed)
    summary.served.add(channel_id)
    stored = _store_result(conn, task, result)
    known = book.learn(channel_id, task.asks, result.answer, attempt.window)
    if stored.first_filled_at is not None and stored.first_filled_at < attempt.window.start + LATE_AT_START:
        known = book.note_late(channel_id, attempt.window)
    sites.save_channel_fields(conn, channel_id, known)
    if on_stored is not None:
        on_stored(conn, task.wanted, stored)
    conn.commit()
    if channel_id in summary.unsupported:  # an earlier window was refused, and this one shows that it was not for good
        summary.unsupported.remove(channel_id)
        summary.failed.append(channel_id)
    _tell_reduced(channel_id, task, result)
    _count_result(summary, task, result, stored)
    return None


def _tell_reduced(channel_id: int, task: _Task, result: ChannelReadings) -> None:
    """Tell that the largest set of fields was refused for a window, and what was answered."""
    answer = result.answer
    if task.asks.full in answer.refused:
        logger.warning(
            "channel %d %s: refused %d fields, answered %s; the larger set is asked for again in a later run",
            channel_id,
            task.attempt.window,
            len(task.asks.full),
            " ".join(answer.asked),
        )


def _store_result(conn: Connection, task: _Task, result: ChannelReadings) -> Stored:
    """Store what a window brought, and log that it is done."""
    attempt, channel_id = task.attempt, task.attempt.channel_id
    stored = readings.insert_readings(
        conn, attempt.organization_id, channel_id, attempt.interval_s, attempt.run_id, result.rows
    )
    rejects.store_rejects(
        conn, attempt.organization_id, channel_id, attempt.interval_s, attempt.run_id, result.quarantined
    )
    attempts.finish_attempt(
        conn,
        attempt,
        task.log_id,
        attempts.STATUS_DONE,
        fetched=result.fetched,
        inserted=stored.inserted,
        duplicate=len(result.rows) - stored.inserted,
        filled=stored.filled,
        rejected=sum(result.rejects.values()),
        error=attempts.describe_rejects(result.rejects),
        troubles=task.troubles,
    )
    return stored


def _count_result(summary: IngestSummary, task: _Task, result: ChannelReadings, stored: Stored) -> None:
    """Add what a window brought to the run's summary, and tell of it where no progress bar does."""
    empty = result.rejects.get(REJECT_EMPTY, 0)
    rejected = sum(result.rejects.values()) - empty
    summary.fetched += result.fetched
    summary.inserted += stored.inserted
    summary.duplicate += len(result.rows) - stored.inserted
    summary.filled += stored.filled
    summary.empty += empty
    summary.rejected += rejected
    if not is_terminal():
        logger.info(
            "channel %d %s: %d fetched, %d new, %d empty, %d rejected, %d filled",
            task.attempt.channel_id,
            task.attempt.window,
            result.fetched,
            stored.inserted,
            empty,
            rejected,
            stored.filled,
        )


def _settle_failure(
    conn: Connection, task: _Task, summary: IngestSummary, err: PipelineError, on_failed: OnFailed | None
) -> PipelineError:
    """Log a window that failed and return its error; the channel's other windows go on.

    A channel without an answer has not failed yet: it is asked once more, and for a refused window in parts.
    """
    attempt = task.attempt
    attempts.finish_attempt(
        conn, attempt, task.log_id, attempts.STATUS_FAILED, error=clean_text(str(err)), troubles=task.troubles
    )
    if on_failed is not None:
        on_failed(conn, task.wanted)
    conn.commit()
    if attempt.channel_id not in summary.failed and not isinstance(err, (UnreachableError, RefusedWindowError)):
        summary.failed.append(attempt.channel_id)
    logger.error("%s", err)
    return err
