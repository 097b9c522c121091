"""How the service says things: pages of lists, and errors whose text is in the reason phrase."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

DEFAULT_PAGE_SIZE = 20
LARGEST_PAGE_SIZE = 100
JSON_TYPE = "text/json; charset=utf-8"


class ServiceError(Exception):
    """An error that the service answers with a status and a reason."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason, self.headers = status, reason, dict(headers or {})


def error_response(error: ServiceError) -> Response:
    """Return an error reply: the text stands in the reason phrase, and the body is empty."""
    response = Response(b"", content_type="text/html; charset=utf-8")
    # A WSGI status is Latin-1 by contract; this puts the bytes of UTF-8 on the wire.
    response.status = f"{error.status} {error.reason.encode().decode('latin-1')}"
    response.headers.update(error.headers)
    return response


def json_response(value: Any) -> Response:
    """Return a JSON reply of the service's content type; `value` may be JSON text already."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Response(text.encode(), content_type=JSON_TYPE)


def parse_whole_number(args: Mapping[str, str], name: str, default: int, least: int) -> int:
    """Return a query parameter that must be a whole number."""
    text = args.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise ServiceError(500, f"Invalid Parameter: {name}")
    return int(text)


def list_page(resource: str, rows: Sequence[Any], args: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of a list; ``limit=0`` returns everything, and says that there are 0 pages."""
    page = parse_whole_number(args, "page", 1, 1)
    limit = min(parse_whole_number(args, "limit", DEFAULT_PAGE_SIZE, 0), LARGEST_PAGE_SIZE)
    chosen = rows[(page - 1) * limit : page * limit] if limit else rows
    meta = {
        "currentPage": page,
        "recordsPerPage": limit,
        "recordCount": len(rows),
        "pageCount": -(-len(rows) // limit) if limit else 0,
    }
    return {resource: list(chosen), "meta": meta}
