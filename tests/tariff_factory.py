"""Tariffs written as an operator writes them, and sites of whole months whose bills a reader can work out by hand."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jsonschema_rs import Draft202012Validator
from week_factory import NEW_YORK, make_meters, make_readings, make_scope

from analyze.expected.best_energy import find_best_energy
from analyze.expected.model import expect_load
from analyze.meters.bad_intervals import ALWAYS_NAMED
from analyze.money.site_demand import SiteDemand, site_frame, sum_site_demand
from analyze.sections.costs import analyze_cost
from analyze.week.intervals import WeekScope, prepare_intervals
from config.tariff_file import DEFAULT_FLAT, DEFAULT_TOU, load_tariff
from config.tariff_model import SiteTariffs, Tariff, TariffSpan
from deliver.words.costs import tell_costs
from lib.date_utils import Window, local_day_window
from lib.paths import PROJECT_ROOT

HEAD = 'currency = "USD"\nsource = "a test"\n'
PEAK = '[[energy.periods]]\nname = "peak"\nhours = [[12, 18]]\nrate_per_kwh = 1\n'
FLAT_ENERGY = '[[energy.periods]]\nname = "all"\nrate_per_kwh = 0.10\n'

SEASONS = """
[[energy.periods]]
name = "summer_peak"
months = [6, 7, 8, 9]
days = ["weekday"]
hours = [[12, 18]]
rate_per_kwh = 0.30
[[energy.periods]]
name = "winter_peak"
days = ["weekday"]
hours = [[12, 18]]
rate_per_kwh = 0.20
[[energy.periods]]
name = "off_peak"
rate_per_kwh = 0.08
"""
TIERS = """
[[energy.periods]]
name = "all"
tiers = [{ up_to_kwh = 1000, rate_per_kwh = 0.10 }, { up_to_kwh = 2000, rate_per_kwh = 0.08 }, { rate_per_kwh = 0.06 }]
"""
TIERED_TOU = """
[energy]
tier_basis = "BASIS"
[[energy.periods]]
name = "peak"
days = ["weekday"]
hours = [[12, 18]]
tiers = [{ up_to_kwh = 3720, rate_per_kwh = 0.20 }, { rate_per_kwh = 0.10 }]
[[energy.periods]]
name = "rest"
tiers = [{ up_to_kwh = 3720, rate_per_kwh = 0.10 }, { rate_per_kwh = 0.05 }]
"""
RATCHET = FLAT_ENERGY + '[[demand.charges]]\nname = "facility"\nrate_per_kw = 12\nratchet = { pct = 80, months = 11 }\n'

SCOPE = make_scope(make_meters(1))
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
SCHEMA = json.loads((PROJECT_ROOT / "deliver" / "schemas" / "weekly_report.schema.json").read_text(encoding="utf-8"))
SECTION = Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/CostOptimization"})
ASSUMED = SiteTariffs((TariffSpan(load_tariff(DEFAULT_FLAT)),), load_tariff(DEFAULT_TOU), is_assumed=True)


def make_tariff(text: str, name: str = "test") -> Tariff:
    """Return the tariff that `text` means, with a head where it has none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.toml"
        path.write_text(text if "currency" in text else HEAD + text, encoding="utf-8")
        return load_tariff(name, Path(folder))


def make_site(
    first: date, last: date, kw: float | Callable[[pd.DataFrame], np.ndarray] = 10.0, step_s: int = 3600
) -> pd.DataFrame:
    """Return the site's intervals of the New York days `first` to `last`, at `kw` or what it makes of their times."""
    window = local_day_window(first, last, NEW_YORK)
    epoch_s = np.arange(int(window.start.timestamp()), int(window.end.timestamp()), step_s)
    frame = site_frame(epoch_s, np.ones(epoch_s.size), step_s, SCOPE)
    values = kw(frame) if callable(kw) else np.full(len(frame), kw)
    return site_frame(epoch_s, np.asarray(values, dtype=float) * step_s / 3600, step_s, SCOPE)


def lines_of(bill: dict[str, Any]) -> dict[tuple[str, str], float]:
    """Return a bill's amounts by kind and name."""
    return {(line["kind"], line["name"]): line["amount"] for line in bill["lines"]}


def urdb_text(**more: str) -> str:
    """Return the shipped time-of-use periods as URDB writes them, with tiers at the peak, and `more` fields."""
    hours = [0] * 7 + [1] * 5 + [2] * 6 + [1] * 3 + [0] * 3
    fields = {
        "energyratestructure": "[[{ rate = 0.06 }], [{ rate = 0.09, adj = 0.01 }],"
        " [{ max = 500, rate = 0.2, unit = 'kWh' }, { rate = 0.3 }]]",
        "energyweekdayschedule": str([hours] * 12),
        "energyweekendschedule": str([[0] * 24] * 12),
    } | more
    return "[urdb]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def constant(channel_id: int, kw: float, window: Window = BOTH, interval_s: int = 900) -> pd.DataFrame:
    """Return readings of the same power over baseline and period, or another window."""
    count = int((window.end - window.start).total_seconds() // interval_s)
    return make_readings(channel_id, pd.Timestamp(window.start), np.full(count, kw), interval_s)


def site_of(readings: pd.DataFrame, scope: WeekScope = SCOPE) -> SiteDemand:
    """Return the site's energy and demand of `readings`, none of which is flagged."""
    intervals = prepare_intervals(readings, scope.meters, scope.tz)
    none_bad = pd.DataFrame(False, index=intervals.index, columns=list(ALWAYS_NAMED))
    return sum_site_demand(find_best_energy(intervals, none_bad, expect_load(intervals, scope, None), scope), scope)


def cost_of(
    readings: pd.DataFrame, scope: WeekScope = SCOPE, tariffs: SiteTariffs = ASSUMED, **more: Any
) -> dict[str, Any]:
    """Return the section of `readings`, none of which is flagged; it keeps to the report's schema, or is refused."""
    section = analyze_cost(site_of(readings, scope), scope, tariffs, **more)
    json.dumps(section, allow_nan=False)
    if "status" not in section:
        SECTION.validate(tell_costs(section))
    return section
