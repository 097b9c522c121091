"""From real power to everything a meter reports, held together by the laws it would obey.

Minutes hold only what cannot be derived: P and Q of each phase, V of each phase, F and D. All else follows from the
means of these over an interval, so that S² = P² + Q², PF = P / S and I = S / V hold in every row that is served.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from operations.sandbox.load_model import TAN_PHI, Streams
from operations.sandbox.noise import Floats, make_key, smooth_noise
from operations.sandbox.weather import Surroundings

P, Q, V = slice(0, 3), slice(3, 6), slice(6, 9)  # rows of the primitives, a phase each
F, D = 9, 10
METER_ROWS = 11
X = slice(11, 14)  # what each phase feeds, of a meter of generation; P is net of it
GENERATION_ROWS = 14

_NOMINAL_V = 120.4
_SAG_V_PER_KW = 0.12
_STRAY_RATIOS = (1.0, 0.62, 0.45)  # of the nominal voltage, on inputs that nothing is connected to
_THD_BY_PHASE = np.array([1.03, 0.98, 0.99])  # their mean is 1, so that D is the mean of D1–D3
_TRIPLEN_RATIO = 0.05  # third harmonics add up in the neutral instead of cancelling


class Intervals(NamedTuple):
    """Primitives of a run of intervals."""

    means: Floats  # (rows, intervals); NaN where nothing was measured
    peak_w: Floats  # the highest power of a minute
    present_min: npt.NDArray[np.int64]  # minutes that were measured
    is_null: npt.NDArray[np.bool_]  # the service has a row for it, without values


class MeteringErrors(NamedTuple):
    """By how much the counters stray, relative: each phase from its power, and the whole from its phases."""

    of_phases: Floats
    of_total: Floats


EXACT = MeteringErrors(np.zeros(1), np.zeros(1))


def compute_meter_minutes(
    load: str, streams: Streams, seed: int, phases: int, power_kw: Floats, around: Surroundings
) -> Floats:
    """Return the primitives of a metering point, one column a minute, in W, VAr, V, Hz and %."""
    rows = np.full((METER_ROWS, power_kw.size), np.nan)
    power_w = 1000.0 * power_kw
    tan_phi = TAN_PHI[load] * (1.0 + 0.08 * streams.curve("tan_phi", around, 55))
    supply = _NOMINAL_V + 0.7 * smooth_noise(make_key(seed, "grid", "voltage"), around.minutes, 180)
    if phases == 1:
        shares = [np.ones_like(power_kw)]
    else:
        first = 1 / 3 + 0.035 * streams.curve("share_1", around, 360)
        second = 1 / 3 + 0.035 * streams.curve("share_2", around, 420)
        shares = [first, second, 1.0 - first - second]
    for phase, share in enumerate(shares):
        rows[phase] = power_w * share
        rows[3 + phase] = rows[phase] * tan_phi
        flicker = 0.25 * streams.curve(f"voltage_{phase}", around, 20)
        rows[6 + phase] = supply + flicker - _SAG_V_PER_KW * power_kw * share
    rows[F] = 60.0 + 0.012 * smooth_noise(make_key(seed, "grid", "frequency"), around.minutes, 3)
    rows[D] = 3.2 + 0.8 * streams.curve("distortion", around, 80)
    return rows


def fill_unused_phases(rows: Floats, phases: int, streams: Streams, around: Surroundings) -> None:
    """Let the unused phases of a point report as they do: no power, and the voltage that strays into their inputs."""
    for phase, share in list(enumerate(_STRAY_RATIOS))[phases:]:
        rows[phase] = rows[3 + phase] = 0.0
        rows[6 + phase] = _NOMINAL_V * (share + 0.03 * streams.curve(f"stray_{phase}", around, 90))


def add_generation_rows(rows: Floats) -> Floats:
    """Return the primitives of a meter of generation: those of any, and what each phase feeds [W]."""
    return np.vstack([rows, np.maximum(-rows[P], 0.0)])


def find_peak_w(rows: Floats) -> Floats:
    """Return the power of all phases [W]; NaN where nothing was measured."""
    return np.where(np.isnan(rows[P]).all(axis=0), np.nan, np.nansum(rows[P], axis=0))


def compute_air_minutes(streams: Streams, around: Surroundings) -> Floats:
    """Return temperature [°C], relative humidity [%] and CO2 [ppm] in a hallway, one column a minute."""
    drift = streams.curve("drift", around, 200)
    temp_c = 20.6 + 1.2 * around.occupancy + 0.06 * (around.temp_c - 15.0) + 0.4 * drift
    humidity_pct = 44.0 + 0.35 * (around.temp_c - 15.0) + 5.0 * streams.curve("humidity", around, 600)
    co2_ppm = 425.0 + 520.0 * around.occupancy * (1.0 + 0.15 * drift) + 8.0 * streams.curve("breath", around, 7)
    return np.stack([temp_c, np.clip(humidity_pct, 15.0, 90.0), co2_ppm])


def derive_air_fields(intervals: Intervals) -> dict[str, Floats]:
    """Return the fields of an Air Sense."""
    return dict(zip(("T", "RH", "CO2"), intervals.means, strict=True))


def derive_meter_fields(
    intervals: Intervals, phases: int, catch_up_wh: Floats, errors: MeteringErrors = EXACT
) -> dict[str, Floats]:
    """Return every field of a metering point from its primitives.

    Parameters
    ----------
    intervals
        Primitives; the two unused phases of a single-phase point are NaN and stay so.
    phases
        1 or 3.
    catch_up_wh : (3, intervals) floats
        Energy of each phase from before the interval that its counter delivers late [Wh].
    errors
        By how much the counters of energy stray.
    """
    means, hours = intervals.means, intervals.present_min / 60.0
    power, reactive, volts = means[P], means[Q], means[V]
    used = slice(0, phases)
    total_p, total_q = power[used].sum(axis=0), reactive[used].sum(axis=0)
    total_s = np.hypot(total_p, total_q)
    apparent = np.hypot(power, reactive)
    amps = apparent / volts
    fed = means[X] if len(means) == GENERATION_ROWS else np.where(np.isnan(power), np.nan, 0.0)
    stray = 1.0 + errors.of_phases
    energy = (power + fed) * hours * stray + catch_up_wh
    total_e = energy[used].sum(axis=0) * (1.0 + errors.of_total)
    exported = fed * hours * stray
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.where(apparent > 0, power / apparent, np.nan)  # without a load there is no power factor
        total_factor = np.where(total_s > 0, total_p / total_s, np.nan)
        late = np.where(total_p > 0, total_e / (total_p * hours), 1.0)  # the other counters catch up alike
    line = np.sqrt(volts**2 + np.roll(volts, -1, axis=0) ** 2 + volts * np.roll(volts, -1, axis=0))
    distortion = np.where(total_p > 0, means[D], np.where(np.isnan(total_p), np.nan, 0.0))
    by_phase = distortion * _THD_BY_PHASE[:, None]
    fields: dict[str, Floats] = {
        **_name("E", total_e, energy),
        **_name("P", total_p, power),
        **_name("Q", total_q, reactive),
        **_name("S", total_s, apparent),
        **_name("V", volts[used].mean(axis=0), volts),
        **_name("U", line.mean(axis=0), line),
        **_name("I", amps[used].mean(axis=0), amps),
        **_name("PF", total_factor, factors),
        **_name("D", distortion, by_phase if phases == 3 else np.where(np.isnan(power), np.nan, distortion)),
        "In": _neutral_amps(amps) if phases == 3 else amps[0],
        "F": means[F],
        "Pmax": intervals.peak_w,
        **_name("Ex", exported[used].sum(axis=0), exported),
        **_name("RE", total_q * hours * late, reactive * hours * late),
        **_name("AE", total_s * hours * late, apparent * hours * late),
    }
    return fields


def _name(field: str, total: Floats, phases: Floats) -> dict[str, Floats]:
    return {field: total, **{f"{field}{number}": row for number, row in enumerate(phases, start=1)}}


def _neutral_amps(amps: Floats) -> Floats:
    first, second, third = amps
    squared = first**2 + second**2 + third**2 - first * second - second * third - third * first
    return np.sqrt(np.maximum(squared, 0.0) + (_TRIPLEN_RATIO * (first + second + third)) ** 2)
