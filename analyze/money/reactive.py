"""The reactive demand of a site, by the power and power factor of its meters. Pure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyze.expected.best_energy import BestEnergy
from analyze.money.site_demand import energy_matrix
from analyze.week.intervals import SECONDS_PER_HOUR, epoch_seconds


def add_reactive(demand: pd.DataFrame, electrical: pd.DataFrame, of_roots: BestEnergy) -> pd.DataFrame:
    """Return `demand` with `reactive_kvar`, NaN where it is not known.

    Parameters
    ----------
    demand
        The site's demand over the demand interval (`mean_demand`): `epoch_s`, `interval_s` [s].
    electrical
        The electrical quantities of the meters (`load_electrical`): `channel_id`, `interval_start` (UTC), `interval_s`
        [s], `power_kw`, `power_factor`.
    of_roots
        The intervals of the meters whose sum is the site (`SiteDemand.of_roots`): only what is valid counts.

    Notes
    -----
    kVAr = |kW| × √(1 / factor² − 1), added up over the meters, as if all of it were of one sign: meters tell none. A
    step is known where each of the meters tells all of it; nothing flows where there is no power.
    """
    valid = of_roots.rows.loc[of_roots.is_valid, ["channel_id", "epoch_s"]]
    epoch_s = epoch_seconds(electrical["interval_start"]).astype(np.int64)
    own = electrical.assign(epoch_s=epoch_s).merge(valid, on=["channel_id", "epoch_s"])
    if demand.empty or own.empty:
        return demand
    step_s = int(demand["interval_s"].iloc[0])
    power_kw, factor = own["power_kw"].abs().to_numpy(), own["power_factor"].abs().clip(upper=1.0).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        kvar = np.where(power_kw == 0, 0.0, power_kw * np.sqrt(1 / np.square(factor) - 1))
    kvarh = kvar * own["interval_s"].to_numpy() / SECONDS_PER_HOUR
    known = own.assign(used_kwh=kvarh)[np.isfinite(kvarh)]
    if known["channel_id"].nunique() < of_roots.rows["channel_id"].nunique():
        return demand
    of_site = energy_matrix(known, step_s).sum(axis=1, skipna=False) * SECONDS_PER_HOUR / step_s
    return demand.assign(reactive_kvar=of_site.reindex(demand["epoch_s"]).to_numpy())
