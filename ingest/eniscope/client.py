"""HTTP to the Eniscope Core API: authentication, pacing, retries and pages. The only room that knows its addresses.

Credentials travel in headers only, never in a URL, so no log line or error can carry them. Links in replies are not
followed, and neither are redirects: both could lead the credentials to another host.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import requests

from ingest.eniscope.answers import MAX_REASON_LENGTH, clock_offset, describe_failure, describe_status, retry_after_s
from ingest.eniscope.json_reader import read_json
from ingest.eniscope.pacing import Pacer
from ingest.eniscope.troubles import note_retry, note_trouble
from lib.date_utils import Window
from lib.errors import (
    AccessError,
    ApiError,
    AuthenticationError,
    RefusedError,
    UnreachableError,
    UnsupportedFieldsError,
)
from lib.http_limits import LimitedAdapter, read_body
from lib.logs import remember_secrets
from lib.states import DataSource

logger = logging.getLogger(__name__)

_SANDBOX_HEADER = "X-Eniscope-Sandbox"
_TOKEN_HEADER = "X-Eniscope-Token"

MAX_PAGE_SIZE = 100  # the vendor's limit; a larger one is cut silently
MAX_PAGES = 10_000  # a page count that never ends is a fault of the service, not a long list
MAX_LIST_READS = 3
MAX_ATTEMPTS = 5
HASTY_ATTEMPTS = 2  # not one, for a token may expire
BACKOFF_S = 1.0  # doubles at each further attempt: 1, 2, 4, 8
RATE_LIMIT_BACKOFF_S = 8.0  # what users of the service wait after a 429 that names no time: 8, 16, 32
MAX_RETRY_AFTER_S = 120.0
CLOCK_TOLERANCE = timedelta(seconds=90)  # a Date header is whole seconds, and the answer was under way

_PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
_EXPIRED_STATUSES = frozenset({401, 419})


_attempts: ContextVar[int] = ContextVar("attempts", default=MAX_ATTEMPTS)


@contextmanager
def in_haste() -> Iterator[None]:
    """Let this thread repeat a request hardly at all within the block, where most likely no answer comes."""
    token = _attempts.set(HASTY_ATTEMPTS)
    try:
        yield
    finally:
        _attempts.reset(token)


class _Listing(NamedTuple):
    """The distinct items of all pages of a list, how many the pages hold, and how many they say there are."""

    items: dict[str, dict[str, Any]]
    rows: int
    counts: set[int]

    @property
    def is_whole(self) -> bool:
        """Whether all pages agree with what they list; some lists do not count."""
        return self.counts <= {0, len(self.items)}


class _Answer(NamedTuple):
    response: requests.Response
    body: bytes
    token: str | None  # what the request bore


class EniscopeClient:
    """Asks the service and returns its JSON as it is; safe to share between threads.

    Parameters
    ----------
    api_url
        Base URL, with ``/v1`` where the installation wants it.
    requests_per_second
        Pacing across all threads; 0 for none.
    timeout_s
        Longest silence, while connecting and within an answer [s].
    total_timeout_s
        Longest time for a whole answer, which may come in drips [s].
    """

    def __init__(
        self,
        api_url: str,
        api_key: str,
        email: str,
        password: str,
        *,
        requests_per_second: float = 2.0,
        timeout_s: float = 30.0,
        total_timeout_s: float = 120.0,
        max_connections: int = 4,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._stopped = threading.Event()
        sleep = sleep or self._sleep_unless_stopped
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key
        self._basic = basic_authorization(email, password)
        # The digest stands in for the password, and so does a token: a proxy that echoes headers must not publish them.
        remember_secrets([self._basic.removeprefix("Basic "), _password_digest(password)])
        self._token: str | None = None
        self._gives_tokens = True
        self.was_let_in = False  # whether any request was answered, so that key and login are right
        self._login_lock = threading.Lock()
        self._timeout_s = timeout_s
        self._pacer = Pacer(requests_per_second, sleep=sleep)
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc must not replace our Authorization
        self._session.proxies = requests.utils.get_environ_proxies(self._api_url)
        adapter = LimitedAdapter(total_timeout_s, pool_connections=1, pool_maxsize=max_connections)
        self._session.mount(self._api_url, adapter)
        self.source = DataSource.ENISCOPE
        self.clock_offset = timedelta(0)  # the service's clock, by its latest answer, less ours
        self._nearest_offset: timedelta | None = None

    @property
    def nearest_clock_offset(self) -> timedelta:
        """The service's clock less ours by the answer that is nearest to ours: one odd answer is no wrong clock."""
        return self._nearest_offset or timedelta(0)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def stop(self) -> None:
        """Wake every thread that waits for its turn or for its next attempt, and let it fail."""
        self._stopped.set()

    def _sleep_unless_stopped(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise ApiError("stopped before the service answered; run again to continue")

    def get_organization(self, site_id: int) -> dict[str, Any]:
        """Return the organization `site_id` itself.

        Raises
        ------
        AccessError
            When it is unknown, or not this account's.
        """
        reply = self._get(f"/organizations/{site_id}", [], f"site {site_id}")
        organization = reply.get("organization", reply) if isinstance(reply, dict) else reply
        if not isinstance(organization, dict) or str(organization.get("organizationId")) != str(site_id):
            raise AccessError(f"site {site_id}: the service answered with another organization; check --site")
        return organization

    def get_organizations(self) -> list[dict[str, Any]]:
        """Return the organizations that this account may see, a page of them."""
        return _list_of(self._get("/organizations", [("limit", str(MAX_PAGE_SIZE))], "organizations"), "organizations")

    def get_devices(self, site_id: int) -> list[dict[str, Any]]:
        """Return all devices of the site."""
        return self._get_list("devices", site_id, "deviceId")

    def get_channels(self, site_id: int) -> list[dict[str, Any]]:
        """Return all channels of the site."""
        return self._get_list("channels", site_id, "dataChannelId")

    def get_fields(self, device_type_id: int) -> Any:
        """Return what the service says of the fields that this type of device has; its shape is not documented."""
        return self._get(f"/fields/{device_type_id}", [], f"device type {device_type_id}")

    def get_readings(self, channel_id: int, window: Window, interval_s: int, fields: Sequence[str]) -> dict[str, Any]:
        """Return the service's reply for one channel and window, whatever resolution it chose.

        Raises
        ------
        UnsupportedFieldsError
            When the channel does not have these fields.
        """
        params = [("fields[]", name) for name in fields]
        params += [("daterange[]", str(int(moment.timestamp()))) for moment in window]
        params += [("res", str(interval_s)), ("action", "summarize"), ("showCounters", "0")]
        reply = self._get(f"/readings/{channel_id}", params, f"channel {channel_id}, {window}")
        if not isinstance(reply, dict):
            raise ApiError(f"channel {channel_id}, {window}: the reply is no object; the service may have changed")
        return reply

    def _get_list(self, resource: str, site_id: int, id_key: str) -> list[dict[str, Any]]:
        """Return every item of a list, each once.

        Pages are cut by position, so an item that appears or goes away between two of them shifts the rest, and one
        can be missed: the list is read again until every page counts the same and that many were listed.
        """
        listings: list[_Listing] = []
        while len(listings) < MAX_LIST_READS and not (listings and listings[-1].is_whole):
            listings.append(self._read_pages(resource, site_id, id_key))
        newest, doubted = listings[-1], [listing for listing in listings if not listing.is_whole]
        # Nothing shifts where it is the same each time: an item stands in the list twice.
        is_steady = all(one.items.keys() == newest.items.keys() and one.counts == {one.rows} for one in listings)
        for listing in doubted:
            note_trouble(f"the list of {resource} {'names some twice' if is_steady else 'changed while it was read'}")
            logger.debug("%s of site %s: %s of %s", resource, site_id, len(listing.items), listing.counts)
        if newest.is_whole or is_steady or len(newest.items) >= max(newest.counts):
            return list(newest.items.values())
        raise ApiError(
            f"{resource} of site {site_id}: the service counts {max(newest.counts)} but lists {len(newest.items)}; "
            "run again later"
        )

    def _read_pages(self, resource: str, site_id: int, id_key: str) -> _Listing:
        items: dict[str, dict[str, Any]] = {}
        counts: set[int] = set()
        rows = 0
        for page in range(1, MAX_PAGES + 1):
            params = [("organization", str(site_id)), ("page", str(page)), ("limit", str(MAX_PAGE_SIZE))]
            reply = self._get(f"/{resource}", params, f"{resource} of site {site_id}")
            batch = _list_of(reply, resource)
            rows, known = rows + len(batch), len(items)
            items |= {str(item.get(id_key)): item for item in batch}
            meta = reply.get("meta") if isinstance(reply, dict) else None
            if isinstance(meta, dict):
                counts.add(_count(meta, "recordCount"))
            # A full page need not be the last, whatever the count of pages says; one that brings nothing new is.
            if len(items) == known or (page >= _count(meta, "pageCount") and len(batch) < MAX_PAGE_SIZE):
                return _Listing(items, rows, counts)
        raise ApiError(
            f"{resource} of site {site_id}: the service counts more than {MAX_PAGES} pages; "
            "run again later, or ask the vendor"
        )

    def _get(self, path: str, params: list[tuple[str, str]], subject: str) -> Any:
        """Return the JSON of one GET, retried over passing faults; `subject` names it in errors."""
        problem, attempts = "", _attempts.get()
        for attempt in range(attempts):
            if attempt:
                note_retry()
            turn = self._pacer.wait()
            try:
                response, body, token = self._send_authorized(path, params)
                # A cut-off body is no JSON; an HTML page from some proxy on the way is none either. Both pass.
                reply = read_json(body) if response.status_code == 200 else None
            except (requests.RequestException, ValueError) as err:
                problem = describe_failure(err)
                note_trouble(problem)
                self._back_off(attempt, turn, None, subject, problem)
                continue
            if response.status_code == 200:
                self.was_let_in = True
                self._note_oddities(response)
                return reply
            problem = describe_status(response)
            note_trouble(problem)
            if response.status_code in _EXPIRED_STATUSES and token is not None:
                # Only a refused login is final. A token may have expired, or another thread's login replaced it.
                if self._token == token:
                    self._token = None
                logger.debug("%s: token expired, authenticating again", subject)
                continue
            self._raise_unless_passing(response, body, subject, problem)
            self._back_off(attempt, turn, response, subject, problem)
        raise UnreachableError(
            f"{subject}: no answer after {attempts} attempts ({problem}); the service may be down, run again later"
        )

    def _send_authorized(self, path: str, params: list[tuple[str, str]]) -> _Answer:
        """Send with the token, or log in with this very request; one thread logs in while the others wait for it."""
        token = self._token
        if token is None and self._gives_tokens:
            with self._login_lock:
                token = self._token
                if token is None:
                    answer = self._send(path, params, None)
                    self._gives_tokens = self._token is not None or answer.response.status_code != 200
                    return answer
        return self._send(path, params, token)

    def _send(self, path: str, params: list[tuple[str, str]], token: str | None) -> _Answer:
        headers = {"X-Eniscope-API": self._api_key, "Accept": "application/json, text/json"}
        headers |= {_TOKEN_HEADER: token} if token else {"Authorization": self._basic}
        response = self._session.get(
            self._api_url + path,
            params=params,
            headers=headers,
            timeout=self._timeout_s,
            allow_redirects=False,
            stream=True,
        )
        body = read_body(response)
        # Any reply may renew the token; the newest is the one to use.
        renewed = response.headers.get(_TOKEN_HEADER)
        if renewed:
            remember_secrets([renewed])
            self._token = renewed
        if _SANDBOX_HEADER in response.headers:
            self.source = DataSource.SANDBOX
        return _Answer(response, body, token)

    def _note_oddities(self, response: requests.Response) -> None:
        """Note what is odd about an answer that can be used: its content type, or the clock that it tells."""
        content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type and not content_type.endswith("json"):
            note_trouble(f"JSON under the content type {content_type[:MAX_REASON_LENGTH]}")
        offset = clock_offset(response, datetime.now(UTC))
        nearest, self.clock_offset = self._nearest_offset, offset
        self._nearest_offset = offset if nearest is None else min(nearest, offset, key=abs)
        if abs(offset) > CLOCK_TOLERANCE:
            minutes = round(abs(offset) / timedelta(minutes=1))
            note_trouble(
                f"the service's clock is {minutes} min {'ahead of' if offset > timedelta(0) else 'behind'} ours"
            )

    def _raise_unless_passing(self, response: requests.Response, body: bytes, subject: str, problem: str) -> None:
        status = response.status_code
        if status in _EXPIRED_STATUSES:
            raise AuthenticationError(
                f"the Eniscope API refused the login ({problem}); check VITE_ENISCOPE_API_KEY, "
                "VITE_ENISCOPE_EMAIL and VITE_ENISCOPE_PASSWORD"
            )
        words = body[:MAX_REASON_LENGTH].decode("utf-8", "replace")
        if status == 403 and "credential" in f"{problem} {words}".lower():
            raise AuthenticationError(
                f"the Eniscope API refused the login ({problem}); check VITE_ENISCOPE_EMAIL and "
                "VITE_ENISCOPE_PASSWORD, then VITE_ENISCOPE_API_KEY"
            )
        if status == 403 and not self.was_let_in:
            raise AccessError(
                f"{subject}: not found or not this account's ({problem}), or, for it is the first answer, e-mail or "
                "password is wrong; check VITE_ENISCOPE_EMAIL and VITE_ENISCOPE_PASSWORD, then the id: "
                "python ingest/check_connection.py tells which"
            )
        if status in (403, 404):
            raise AccessError(f"{subject}: not found or not this account's ({problem}); check the id and the account")
        if status == 402:
            raise ApiError(
                f"{subject}: the license has ended ({problem}); have the vendor renew it, then run again; the nightly "
                "backfill fetches what was measured meanwhile"
            )
        # The catch-all 500 is a steady refusal when it names the parameter, a passing fault otherwise.
        if status == 500 and "invalid parameter" in f"{problem} {words}".lower():
            raise UnsupportedFieldsError(
                f"{subject}: the channel does not have the fields asked for ({problem}); "
                "it is noted as not served, ask the vendor what it is"
            )
        if status not in _PASSING_STATUSES:
            raise RefusedError(f"{subject}: the Eniscope API refused ({problem}); check the account with the vendor")

    def _back_off(
        self, attempt: int, turn: float, response: requests.Response | None, subject: str, problem: str
    ) -> None:
        is_rate_limit = response is not None and response.status_code == 429
        if attempt + 1 == _attempts.get() and not is_rate_limit:
            return
        pause_s = (RATE_LIMIT_BACKOFF_S if is_rate_limit else BACKOFF_S) * 2**attempt
        named_s = None if response is None else retry_after_s(response)
        if named_s is not None:
            pause_s = min(named_s, MAX_RETRY_AFTER_S)
        logger.debug("%s: %s; attempt %d, waiting %.1f s", subject, problem, attempt + 1, pause_s)
        if is_rate_limit:
            self._pacer.slow_down(turn, pause_s)
        else:
            self._pacer.pause(pause_s)


def basic_authorization(email: str, password: str) -> str:
    """Return the Authorization header: the service wants the MD5 of the password in place of the password."""
    return "Basic " + base64.b64encode(f"{email}:{_password_digest(password)}".encode()).decode("ascii")


def _password_digest(password: str) -> str:
    return hashlib.md5(password.encode("utf-8"), usedforsecurity=False).hexdigest()


def _list_of(reply: Any, resource: str) -> list[dict[str, Any]]:
    """Return the records of a list reply, whose key is the resource's name, or ``result`` in some lists."""
    records = reply
    if isinstance(reply, dict):
        records = reply.get(resource, reply.get("result"))
    if not isinstance(records, list):
        raise ApiError(f"the list of {resource} came without its records; the service may have changed")
    return [record for record in records if isinstance(record, dict)]


def _count(meta: Any, key: str) -> int:
    """Return a count of a list's meta, which may come as a string, or 0 where there is none that can be read."""
    try:
        return int(float(meta[key]))
    except (TypeError, KeyError, ValueError, OverflowError):
        return 0
