"""A service whose fields come and go: what a meter answers depends on the moment at which it is asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
from flask import Flask, request

from lib.date_utils import Window
from operations.sandbox.noise import Columns
from operations.sandbox.replies import ServiceError
from operations.sandbox.site_model import AIR_UNITS, METER_TYPE_ID, METER_UNITS, Catalogue, Channel

STEP_S = 900
INSTALLED_S = 1_735_689_600  # 2025-01-01
MAIN, SECOND, AIR = 4001, 4002, 4003
VOLTAGES = frozenset({"V", "V1", "V2", "V3"})
_UNLISTED_TYPE_ID = 77  # the service lists no fields for it


class LenientSensor(Channel):
    """A sensor that is asked for a meter's fields and answers null."""

    @property
    def units(self) -> dict[str, str]:
        return METER_UNITS | AIR_UNITS


def make_channel(channel_id: int) -> Channel:
    if channel_id == AIR:
        return LenientSensor(AIR, "Air", "fields", 41, "Air Sense", _UNLISTED_TYPE_ID, "5410EC00410501", INSTALLED_S, 0)
    return Channel(
        channel_id,
        f"Meter {channel_id}",
        "fields",
        40,
        "Gateway",
        METER_TYPE_ID,
        f"5410EC0040{channel_id}01",
        INSTALLED_S,
    )


@dataclass
class FieldSource:
    """Meters with every field, some of which are null until the service has them.

    `late` tells by field from which moment of the service's clock on it has values, for rows of all times; `since` by
    field from which row on, for ever.
    """

    clock: Callable[[], datetime]
    channel_ids: tuple[int, ...] = (MAIN, SECOND)
    late: dict[str, datetime] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    expires: datetime | None = None
    outage: tuple[str, Window, datetime] | None = None  # a field, rows in which it is null, and until when

    @property
    def catalogue(self) -> Catalogue:
        expires_s = None if self.expires is None else int(self.expires.timestamp())
        channels = tuple(replace(make_channel(key), expires_s=expires_s) for key in self.channel_ids)
        return Catalogue(channels, "Fields (sandbox)", "America/New_York")

    def get_resolution_s(self, channel: Channel) -> int:
        return STEP_S

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        starts = start_s + resolution_s * np.arange(count, dtype="int64")
        columns: Columns = {name: true_values(name, channel.channel_id, starts) for name in channel.units}
        for name, moment in self.since.items():
            columns[name] = np.where(starts >= moment.timestamp(), columns[name], np.nan)
        for name, moment in self.late.items():
            if self.clock() < moment:
                columns[name] = np.full(count, np.nan)
        if self.outage is not None:
            name, window, until = self.outage
            is_out = (starts >= window.start.timestamp()) & (starts < window.end.timestamp()) & (self.clock() < until)
            columns[name] = np.where(is_out, np.nan, columns[name])
        return {"ts": starts, **columns}


def true_values(name: str, channel_id: int, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return what a field has: E in Wh and P in W agree; the others are as good as any."""
    if channel_id == AIR:
        return np.full(len(starts), {"T": 21.0, "RH": 40.0}.get(name, np.nan))
    energy_wh = np.asarray(100.0 * (channel_id - 4000) + starts // STEP_S % 96, dtype="float64")
    if name[0] in "EP" and name[1:] in ("", "1", "2", "3"):
        return energy_wh * (3600 / STEP_S if name[0] == "P" else 1) / (3 if name[1:] else 1)
    if name == "F":
        return np.full(len(starts), 60.0)
    if name == "Ex":
        return np.zeros(len(starts))
    if name.startswith("V"):
        return np.asarray(120.0 + starts // STEP_S % 3, dtype="float64")
    return np.full(len(starts), 0.5)


class ExportingSource(FieldSource):
    """The first meter is a main that feeds in by day; there import and export flow within each interval."""

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        columns = super().compute_fields(channel, start_s, count, resolution_s)
        if channel.channel_id != MAIN:
            return columns
        by_day = (columns["ts"] // 3600 % 24 >= 14) & (columns["ts"] // 3600 % 24 < 20)
        imported = np.where(by_day, columns["E"] / 10, columns["E"])
        exported = np.where(by_day, 4 * columns["E"], 0.0)
        power = (imported - exported) * 3600 / resolution_s
        phases = {f"P{number}": power / 3 for number in (1, 2, 3)} | {
            f"E{number}": imported / 3 for number in (1, 2, 3)
        }
        return {**columns, **phases, "E": imported, "Ex": exported, "P": power, "Pmax": np.abs(power) * 1.5}


@contextmanager
def refusing(app: Flask, fields: Collection[str], channel_id: int | None = None) -> Iterator[list[str]]:
    """Within the block, refuse every request for one of these fields, as the service does; yield what was refused."""
    refused: list[str] = []

    def refuse() -> None:
        asked = request.args.getlist("fields[]")
        is_meant = channel_id is None or request.path.endswith(f"/{channel_id}")
        if is_meant and set(asked) & set(fields):
            refused.append(request.full_path)
            raise ServiceError(500, "Invalid Parameter")

    hooks = app.before_request_funcs.setdefault(None, [])
    hooks.append(refuse)
    try:
        yield refused
    finally:
        hooks.remove(refuse)


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    """Within the block, collect the requests for readings."""
    requests: list[str] = []

    def note() -> None:
        if "/readings/" in request.path:
            requests.append(request.full_path)

    hooks = app.before_request_funcs.setdefault(None, [])
    hooks.append(note)
    try:
        yield requests
    finally:
        hooks.remove(note)
