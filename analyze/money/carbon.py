"""What energy from the grid emits, by the factor that the site's file gives with its source. Pure."""

from __future__ import annotations

from typing import Any

from analyze.week.refusals import unavailable
from config.tariff_model import Carbon

NO_FACTOR = unavailable(
    "no_carbon_factor",
    "the site's file has no [carbon] with kg_per_kwh and source",
    "the emission factor of the site's grid, and who publishes it",
)


def emissions(energy_kwh: float, carbon: Carbon | None) -> dict[str, Any]:
    """Return what `energy_kwh` emits [kg CO2e] and by which factor, or that the factor is not known."""
    if carbon is None:
        return NO_FACTOR
    kg = round(energy_kwh * carbon.kg_per_kwh, 2)
    return {"kgCo2e": kg, "factorKgPerKwh": carbon.kg_per_kwh, "source": carbon.source}
