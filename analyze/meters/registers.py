"""What meters tell beside energy and mean power: a register of export, and the peak within an interval. Pure."""

from __future__ import annotations

import pandas as pd

MIN_COMPARED = 8  # exporting intervals with a power: fewer say little
MAX_MISFIT_RATIO = 0.1  # of all energy that flowed: metered pairs agree within a few percent


def net_of_export(readings: pd.DataFrame) -> pd.DataFrame:
    """Return `readings` with energy net of export, where a meter counts import and export apart.

    Parameters
    ----------
    readings
        `channel_id`, `interval_s` [s], `energy_kwh`, `power_kw`, and, where any meter has them, `exported_energy_kwh`
        and `peak_power_kw` (`lib.readings.load_readings`).

    Returns
    -------
    pd.DataFrame
        With `exported_kwh`, what was fed back, 0 elsewhere, if any meter has it; its `energy_kwh` is import less export
        then, as its power is. With `peak_kw` if any meter has a peak. `readings` itself where there is neither.

    Notes
    -----
    Nothing is guessed. A meter whose energy is below zero where it exports is net already. Where it has a power, that
    has to confirm import less export; a meter whose power does not is left as it is.
    """
    if "exported_energy_kwh" not in readings:
        return readings
    result = readings.drop(columns=["exported_energy_kwh", "peak_power_kw"])
    if readings["peak_power_kw"].notna().any():
        result["peak_kw"] = readings["peak_power_kw"]
    is_apart = readings["channel_id"].isin(_counted_apart(readings))
    exported = readings["exported_energy_kwh"].where(is_apart, 0.0).fillna(0.0)
    if exported.any():
        result = result.assign(energy_kwh=result["energy_kwh"] - exported, exported_kwh=exported)
    return result


def _counted_apart(readings: pd.DataFrame) -> list[int]:
    """Return the channels whose energy counts import alone, beside a register of export."""
    rows = readings[(readings["exported_energy_kwh"] > 0) & readings["energy_kwh"].notna()]
    net_kwh = rows["energy_kwh"] - rows["exported_energy_kwh"]
    flow_kwh = rows["energy_kwh"] + rows["exported_energy_kwh"]
    by_power_kwh = rows["power_kw"] * rows["interval_s"] / 3600
    table = pd.DataFrame(
        {
            "has_negative": rows["energy_kwh"] < 0,
            "compared": by_power_kwh.notna(),
            "misfit": (by_power_kwh - net_kwh).abs().fillna(0.0),
            "flow": flow_kwh.where(by_power_kwh.notna(), 0.0),
        }
    ).groupby(rows["channel_id"])
    sums = table.sum()
    is_refuted = (sums["compared"] >= MIN_COMPARED) & (sums["misfit"] > MAX_MISFIT_RATIO * sums["flow"])
    return sums.index[(sums["has_negative"] == 0) & ~is_refuted].astype(int).tolist()
