"""One path for each thing that can be asked, in whichever of its spellings a client asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from operations.sandbox.weather_api import WEATHER_PATHS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PREFIX = re.compile(r"^/v1(?:/1)?(?=/|$)")
_SLASHES = re.compile(r"/{2,}")


def unify_paths(app: WSGIApplication) -> WSGIApplication:
    """Return the application behind a door that takes paths with and without a prefix, and with any slashes."""

    def unified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["PATH_INFO"] = unify_path(environ["PATH_INFO"])
        return app(environ, start_response)

    return unified


def unify_path(path: str) -> str:
    """Return a path without version prefix, without doubled slashes and without one at its end."""
    path = _SLASHES.sub("/", path)
    if path in WEATHER_PATHS:  # of other services
        return path
    return _PREFIX.sub("", path).rstrip("/") or "/"
