"""Cells that bear a unit of their own, such as "3.1 kWh" beside "812 Wh". Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ingest.files.columns import UNITS, canonical_unit

if TYPE_CHECKING:
    import pandas as pd

_WITH_UNIT = r"^\s*([-+]?[\d][\d\s.,']*?)\s*([kM]?W(?:h|atts?)?)\s*$"


def without_units(cells: pd.Series, target: str, factor: float | None) -> tuple[pd.Series, npt.NDArray[np.float64]]:
    """Return the cells without their units, and what each number is to be multiplied by to be in the column's unit.

    Parameters
    ----------
    cells
        Text; NaN where a cell is empty.
    target, factor
        Column of `readings` that the cells are for, and what its unit takes; None where that is not known yet.

    Returns
    -------
    pd.Series
        A cell of another quantity, such as "3 kW" in a column of energy, stays as it is.
    (n,) floats
        One where a cell bears no unit.
    """
    scale = np.ones(len(cells))
    found = cells.str.extract(_WITH_UNIT, expand=True)
    if found.empty or found[1].isna().all():
        return cells, scale
    own = [UNITS[canonical_unit(unit).casefold()] if isinstance(unit, str) else None for unit in found[1]]
    fits = np.array([one is not None and one[0] == target for one in own])
    scale[fits] = [one[1] / (factor or 1.0) for one in own if one is not None and one[0] == target]
    return cells.where(~fits, found[0]), scale
