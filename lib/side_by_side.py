"""One job for many sites, in a few processes that stay warm: what is imported once serves all of them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from threading import Thread
from typing import TypeVar

from lib.errors import EXIT_FAILED
from lib.logs import setup_logging

logger = logging.getLogger(__name__)

# A process is made anew after so many sites, so that what it keeps does not grow with their number.
_SITES_A_PROCESS = 100

T = TypeVar("T")


def count_cores() -> int:
    """Return on how many cores this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work_on(job: Callable[[int], T], site_ids: Sequence[int], workers: int) -> Iterator[tuple[int, T | None]]:
    """Yield each site with what its job returned, as they end; None where its process died.

    Parameters
    ----------
    job
        What to do for a site: a function of a module, or a `partial` of one, for it is sent to other processes.
    workers
        How many; one works in this process.

    Notes
    -----
    A process that dies takes with it what the others had at hand. These few are done again, each in a process of its
    own: the one that dies again is told, and is None.
    """
    workers = min(workers, len(site_ids))
    if workers <= 1:
        yield from ((site_id, job(site_id)) for site_id in site_ids)
        return
    waiting = list(reversed(site_ids))
    while waiting:
        at_hand: dict[Future[T], int] = {}
        try:
            with _pool(workers) as pool:
                yield from _in_turn(pool, job, waiting, workers, at_hand)
        except BrokenProcessPool:
            for site_id in at_hand.values():
                yield site_id, _alone(job, site_id)


def _in_turn(
    pool: ProcessPoolExecutor, job: Callable[[int], T], waiting: list[int], workers: int, at_hand: dict[Future[T], int]
) -> Iterator[tuple[int, T]]:
    """Yield results, with no more sites handed out than there are processes: `at_hand` tells who dies with one."""
    while waiting or at_hand:
        while waiting and len(at_hand) < workers:
            site_id = waiting.pop()
            at_hand[pool.submit(job, site_id)] = site_id
        for future in wait(at_hand, return_when=FIRST_COMPLETED).done:
            result = future.result()
            yield at_hand.pop(future), result


def _alone(job: Callable[[int], T], site_id: int) -> T | None:
    try:
        with _pool(1) as pool:
            return pool.submit(job, site_id).result()
    except BrokenProcessPool:
        logger.error("site %d: its process died (killed, or out of memory); run it again by itself", site_id)
        return None


def _pool(workers: int) -> ProcessPoolExecutor:
    # Begun anew, not forked: a copy of this process would share its locks and its log.
    is_verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
    return ProcessPoolExecutor(
        workers, get_context("spawn"), _begin, (is_verbose,), max_tasks_per_child=_SITES_A_PROCESS
    )


def _begin(is_verbose: bool) -> None:
    """Log as the process that began this one, and end when it does, however that ends: nothing goes on unseen."""
    setup_logging(is_verbose)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(EXIT_FAILED)
