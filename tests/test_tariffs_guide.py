"""The tariffs guide: its files are understood, and its bill is what they make of the month that it tells."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tariff_factory import SCOPE, make_site
from week_factory import NEW_YORK

from analyze.money.bills import bill_months
from analyze.money.site_demand import mean_demand
from config.site_file import load_site
from lib.paths import PROJECT_ROOT, TARIFFS_DIR

GUIDE = (PROJECT_ROOT / "docs" / "guides" / "tariffs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n# (\w+)\n(.*?)```", GUIDE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ((_, tariff),) = [block for block in BLOCKS if block[0] == "tariff"]
    (tmp_path / "riverbend_gs_tou.toml").write_text(tariff)
    for name in ("default_flat", "default_tou_demand"):
        (tmp_path / f"{name}.toml").write_bytes((TARIFFS_DIR / f"{name}.toml").read_bytes())
    return tmp_path


def load_kw(frame: pd.DataFrame) -> np.ndarray:
    """Return 50 kW, and 110 kW from 3 to 4 pm on July 15."""
    moment = frame["local_time"]
    is_peak = (moment >= "2026-07-15 15:00") & (moment < "2026-07-15 16:00")
    return np.where(is_peak, 110.0, 50.0)


def test_the_bill_of_the_worked_example(folder: Path) -> None:
    site_text = next(text for kind, text in BLOCKS if kind == "site")
    (folder / "7.toml").write_text(site_text)
    tariffs = load_site(7, folder, folder).tariffs
    site = make_site(date(2026, 7, 1), date(2026, 7, 31), load_kw, 900)
    demand = mean_demand(site, tariffs.current[0].tariff.demand_interval_s, SCOPE)
    (bill,) = bill_months(site, demand, tariffs.current, NEW_YORK, billed_peaks_kw=dict(tariffs.billed_peaks_kw))
    rows = re.findall(r"^\| (?!line|\*\*|---)([^|]+) \| ([^|]+) \| ([^|]+) \| ([\d,.]+) \|$", GUIDE, re.MULTILINE)
    told = [(name, float(re.match(r"[\d,.]+", quantity)[0].replace(",", "")), float(amount.replace(",", "")))  # type: ignore[index]
            for name, quantity, _, amount in rows]  # fmt: skip
    lines = [(f"{line['kind']} {line['name']}", round(line["quantity"], 2), line["amount"]) for line in bill["lines"]]
    assert told == lines
    assert f"**{bill['total']:,.2f}**" in GUIDE


@pytest.mark.parametrize("text", [text for kind, text in BLOCKS if kind == "site"])
def test_every_part_of_a_sites_file_is_understood(folder: Path, text: str) -> None:
    (folder / "7.toml").write_text(text)
    (folder / "23271_bills.csv").write_text(
        "Service from,Service to,Usage,Amount due\n14/06/2026,14/07/2026,38120,5710\n"
    )
    site = load_site(7, folder, folder)
    assert site.tariffs.current
    if "file =" in text and "columns" not in text:
        (folder / "23271_bills.csv").write_text("Start,End,kWh\n2026-06-14,2026-07-13,38120\n")
    assert len(site.bills) == ("bills" in text)
