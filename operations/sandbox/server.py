"""The sandbox on a socket: waitress in a thread, with an orderly stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from lib.errors import PipelineError

LOOPBACK = "127.0.0.1"
_THREADS = 16
_LONGEST_WAIT_S = 1.0  # of the loop, if nobody wakes it


def serve_in_thread(app: Flask, host: str = LOOPBACK, port: int = 0) -> tuple[str, Callable[[], None]]:
    """Serve `app` in the background.

    Parameters
    ----------
    app
        As `api.create_app` returns it.
    host
        An IPv4 address.
    port
        0 picks a free one.

    Returns
    -------
    str
        The base URL, ready to be asked.
    Callable
        Ends the server, waits for that, and closes its sockets; calling it again does nothing.
    """
    # It would warn about every body that is cut short on purpose.
    logging.getLogger("waitress").setLevel(logging.CRITICAL)
    sockets: dict[int, wasyncore.dispatcher] = {}
    try:
        server = create_server(app, map=sockets, host=host, port=port, threads=_THREADS)
    except OSError as err:
        raise PipelineError(f"cannot listen on {host}:{port}: {err.strerror or err}; choose another --port") from err
    stopping: threading.Event = app.extensions["sandbox"]["stopping"]

    def run() -> None:
        while not stopping.is_set():
            wasyncore.loop(timeout=_LONGEST_WAIT_S, map=sockets, count=1)

    thread = threading.Thread(target=run, name="sandbox", daemon=True)
    thread.start()

    def stop() -> None:
        if stopping.is_set():
            return
        stopping.set()
        # The sockets are closed here, not by the loop: it could close the trigger just as it is pulled.
        server.trigger.pull_trigger()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(sockets, ignore_all=True)

    return f"http://{host}:{server.effective_port}", stop
