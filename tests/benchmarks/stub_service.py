"""A service of the Eniscope API's shape that costs next to nothing: for measuring the ingest, not the sandbox.

Run by `bench_ingest.py` as a process of its own; prints its base URL. Seventeen meters with ten fields each answer any
window with the same day over and over.
"""

from __future__ import annotations

import json
import random
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SITE_ID = 23271
CHANNEL_COUNT = 17
FIELDS = {"E": "Wh", "P": "W", "Q": "VAr", "S": "VA", "V": "V", "V1": "V", "I": "A", "I1": "A", "PF": "", "F": "Hz"}
INTERVAL_S = 900
_ORGANIZATION = {"organizationId": SITE_ID, "organizationName": "Stub", "timeZone": "America/New_York"}
_DEVICES = [{"deviceId": 1, "deviceName": "Stub", "deviceTypeId": 20, "organizationId": SITE_ID}]
_CHANNELS = [
    {"dataChannelId": 1 + number, "channelName": f"Meter {number}", "deviceId": 1, "deviceTypeId": 20,
     "organizationId": SITE_ID, "isMeteringPoint": True, "installedTs": 1}
    for number in range(CHANNEL_COUNT)
]  # fmt: skip


def _make_tails() -> list[str]:
    """Return what follows the time in the records of one day."""
    dice = random.Random(1)
    rows = ({field: round(dice.uniform(1, 5000), 6) for field in FIELDS} for _ in range(86_400 // INTERVAL_S))
    return ["," + json.dumps(row)[1:] for row in rows]


_TAILS = _make_tails()


def answer_readings(channel_id: int, start_s: int, end_s: int) -> str:
    """Return the JSON of a reading."""
    head = {"channel": channel_id, "resolution": INTERVAL_S, "units": FIELDS}
    starts = range(start_s, end_s, INTERVAL_S)
    records = ",".join([f'{{"ts":{ts}{_TAILS[ts // INTERVAL_S % len(_TAILS)]}' for ts in starts])
    return f'{json.dumps(head)[:-1]},"recordCount":{len(starts)},"records":[{records}]}}'


def answer(path: str, query: dict[str, list[str]]) -> str:
    """Return the JSON for any path of the API that the ingest asks for."""
    resource, _, number = path.strip("/").partition("/")
    if resource == "readings":
        return answer_readings(int(number), *map(int, query["daterange[]"]))
    lists: dict[str, list[Any]] = {"devices": _DEVICES, "channels": _CHANNELS, "fields": [{"field": f} for f in FIELDS]}
    if resource in lists:
        rows = lists[resource]
        return json.dumps({resource: rows, "meta": {"pageCount": 1, "recordCount": len(rows)}})
    return json.dumps(_ORGANIZATION)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = answer(parts.path, parse_qs(parts.query)).encode()
        self.send_response(200)
        for name, value in (("Content-Type", "text/json"), ("X-Eniscope-Sandbox", "1"), ("X-Eniscope-Token", "stub")):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input closes, which it does when whoever started this has gone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
