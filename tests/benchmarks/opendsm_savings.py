"""What opendsm says of the changes in its own samples; run by bench_savings.py with an interpreter that has it.

Run: PYTHON tests/benchmarks/opendsm_savings.py FOLDER
Writes to the folder, for each sample, its hours as CSV (timestamp, energy_kwh, temp_c), and `results.json`: for each
sample and length of time the energy that opendsm expects, what was used, and its uncertainty [kWh].

opendsm holds pandas below 3, so it cannot live beside this project: `python -m venv X; X/bin/pip install opendsm
"multimethod<2"` (1.2.7 does not start with a newer one). Nothing of this project is imported here.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

from opendsm import eemeter

SAMPLES = Path(eemeter.__file__).parent / "samples"
NAMES = (
    "il-electricity-cdd-hdd-hourly",
    "il-electricity-cdd-only-hourly",
    "il-gas-hdd-only-hourly",
    "il-gas-intercept-only-hourly",
)
ZONE = "US/Central"
AFTER_DAYS = (91, 365)


def read_sample(facts: dict[str, str]) -> pd.DataFrame:
    """Return the hours of a sample: `observed` [kWh] and `temperature` [°F], by local time."""
    columns = {"observed": "meter_data_filename", "temperature": "temperature_filename"}
    series = {}
    for name, file in columns.items():
        table = pd.read_csv(SAMPLES / facts[file])
        moments = pd.to_datetime(table.iloc[:, 0], utc=True).dt.tz_convert(ZONE)
        series[name] = pd.Series(table.iloc[:, 1].to_numpy(), index=moments)
    return pd.DataFrame(series).dropna()


def main() -> int:
    """Fit each sample's year and predict what follows."""
    folder, results = Path(sys.argv[1]), []
    metadata = json.loads((SAMPLES / "metadata.json").read_text())
    for name in NAMES:
        facts = metadata[name]
        hours = read_sample(facts)
        end, start = (pd.Timestamp(facts[key], tz=ZONE) for key in ("blackout_start_date", "blackout_end_date"))
        hours = hours[(hours.index < end) | (hours.index >= start)]
        before = hours[(hours.index < end) & (hours.index >= end - pd.Timedelta(days=365))]
        is_electric = name.startswith("il-electricity")
        data = eemeter.DailyBaselineData(before, is_electricity_data=is_electric)
        model = eemeter.DailyModel().fit(data, ignore_disqualification=True)
        for days in AFTER_DAYS:
            after = hours[(hours.index >= start) & (hours.index < start + pd.Timedelta(days=days))]
            reported = eemeter.DailyReportingData(after, is_electricity_data=is_electric)
            said = model.predict(reported, ignore_disqualification=True)
            expected, used = float(said["predicted"].sum()), float(said["observed"].sum())
            error = float(np.sqrt(np.square(said["predicted_unc"]).sum()))
            results.append(
                {
                    "name": name,
                    "days": days,
                    "expected": expected,
                    "used": used,
                    "error": error,
                    "start": f"{start.date()}",
                }
            )
        celsius = (hours["temperature"] - 32) / 1.8
        frame = pd.DataFrame({"timestamp": hours.index.tz_convert("UTC"), "energy_kwh": hours["observed"]})
        frame.assign(temp_c=celsius).to_csv(folder / f"{name}.csv", index=False)
    (folder / "results.json").write_text(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
