"""Faults of phases and voltages from the service to the page: sandbox → ingest → PostgreSQL → report → page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pipeline import Service, govern, ingest, report_of

from deliver.pages.html_page import render_html
from deliver.pages.weekly_page import build_weekly_page
from lib.date_utils import Window
from operations.sandbox.electricity import P, Q, V
from operations.sandbox.generator import BLOCK_MIN, GeneratedSite
from operations.sandbox.site_model import Channel

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
WEDNESDAY_MIN = int(datetime(2026, 2, 4, 5, tzinfo=UTC).timestamp()) // 60  # midnight in New York
K2, RTU_1, AHU_1A, AHU_2 = 162120, 162121, 162124, 162126


def _plant(values: np.ndarray, channel_id: int, block: int) -> None:
    """Alter the minutes of one block as the meter would have reported them with its fault."""
    late = np.arange(block * BLOCK_MIN, (block + 1) * BLOCK_MIN) >= WEDNESDAY_MIN
    if channel_id == AHU_1A:  # the clamp of phase 2 has come off
        values[1, late] = values[4, late] = 0.0
    elif channel_id == AHU_2:  # the clamp of phase 3 was turned round
        values[2, late] *= -1
    elif channel_id == K2:  # one phase carries nearly all, since ever
        for rows in (P, Q):
            values[rows] = values[rows].sum(axis=0) * np.array([[0.20], [0.20], [0.60]])
    elif channel_id == RTU_1:  # the ratio of its voltage transformers is set wrong
        values[V] *= 82 / 120


@pytest.fixture
def report(conn: Connection, serve: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The report on a sandbox of four meters, each with a fault of its own."""
    sound = GeneratedSite._true_minutes

    def faulty(site: GeneratedSite, channel: Channel, block: int) -> np.ndarray:
        values = sound(site, channel, block)
        _plant(values, channel.channel_id, block)
        return values

    monkeypatch.setattr(GeneratedSite, "_true_minutes", faulty)
    service = serve(now=NOW, planted_weeks=[])
    ingest(conn, service, Window(NOW - timedelta(days=45), NOW), [K2, RTU_1, AHU_1A, AHU_2])
    assert govern(conn) == "closed"
    return report_of(conn, NOW)


@pytest.mark.slow
def test_phase_faults_reach_the_page(report: dict[str, Any]) -> None:
    health = report["sections"]["sensorHealth"]
    found = {
        (issue["channelId"], issue["type"], issue["severity"]): (issue.get("start"), issue.get("hours"))
        for issue in health["issues"]
        if issue["type"].startswith("phase")
    }
    since_wednesday = ("2026-02-04T00:00:00-05:00", 120.0)
    assert found == {
        (AHU_1A, "phase_missing", "high"): since_wednesday,
        (AHU_2, "phase_reversed", "high"): since_wednesday,
        (K2, "phase_imbalance", "low"): (None, None),
    }
    assert "phases" not in {item["check"] for item in health["notAssessed"]}
    page = render_html(build_weekly_page(report))
    assert "AHU-1A: phase 2 carries nothing for 5 days while the others do" in page
    assert "AHU-2: power of phase 3 is negative for 5 days" in page


@pytest.mark.slow
def test_voltage_of_every_phase_reaches_the_page(report: dict[str, Any]) -> None:
    electrical = report["sections"]["electricalHealth"]
    found = {meter["channelId"]: [issue["type"] for issue in meter["issues"]] for meter in electrical["meters"]}
    assert "voltage_level" in found[RTU_1]
    assert all("voltage_level" not in found.get(key, []) for key in (K2, AHU_1A, AHU_2))
    high = electrical["summary"]["bySeverity"]["high"]
    assert high >= 1
    assert f": {high} high, " in render_html(build_weekly_page(report))
