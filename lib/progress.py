"""Progress on a terminal; elsewhere (cron, a pipe) the log lines tell the story."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def is_terminal() -> bool:
    """Return whether someone is watching stderr."""
    return sys.stderr.isatty()


@contextmanager
def progress_bar(total: int, unit: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that moves the bar on by one and shows what was just done."""
    if not is_terminal():
        yield lambda done: None
        return
    from tqdm import tqdm
    from tqdm.contrib.logging import logging_redirect_tqdm

    with logging_redirect_tqdm(), tqdm(total=total, unit=unit, file=sys.stderr, dynamic_ncols=True) as bar:

        def advance(done: str) -> None:
            bar.set_postfix_str(done, refresh=False)
            bar.update()

        yield advance
