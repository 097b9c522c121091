"""Made-up sites of mains and parts, of known truth, for the tests of what the readings say of their wiring."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.meter_sums import Grid

Floats = npt.NDArray[np.float64]

KINDS = ("cycling", "modulating", "lighting", "compressor", "server", "oven", "plugs", "charger")
SHAPES = ("flat", "main", "rest", "nested", "nested_rest", "two", "solar")
_WITH_REST = ("rest", "nested_rest", "solar")


class GeneratedSite(NamedTuple):
    """The readings of a site's meters, and which is part of which."""

    grid: Grid
    parents: dict[int, int]

    def kwh_of(self, *keys: int) -> Floats:
        """Return the energy of these meters (T, n) [kWh]."""
        return self.grid.kwh[:, [self.grid.ids.index(key) for key in keys]]

    def beside(self, keys: list[int], kwh: Floats) -> GeneratedSite:
        """Return the site with more meters."""
        grid = self.grid._replace(ids=[*self.grid.ids, *keys], kwh=np.column_stack([self.grid.kwh, kwh]))
        return self._replace(grid=grid)


class _Maker:
    """Makes loads and meters of one site from one seed."""

    def __init__(self, seed: int, interval_s: int, weeks: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.step_h = interval_s / 3600
        self.count = int(weeks * 168 / self.step_h)
        self.hour = np.arange(self.count) * self.step_h % 24
        self.day = (np.arange(self.count) * self.step_h // 24).astype(int)
        walk = np.cumsum(self.rng.normal(0, 1.5, self.day[-1] + 1)) * 0.6
        self.temp_c = 10 + 6 * np.sin(2 * np.pi * (self.hour - 9) / 24) + walk[self.day]
        self.kwh: list[Floats] = []
        self.parents: dict[int, int] = {}

    def held(self, values: Floats, hours: float) -> Floats:
        """Return values that stand for so many hours each."""
        return np.repeat(values, max(1, round(hours / self.step_h)))[: self.count]

    def random(self, hours: float) -> Floats:
        """Return numbers from 0 to 1 that stand for so many hours each."""
        return self.held(self.rng.random(self.count), hours)

    def load(self, kind: str) -> Floats:
        """Return the power of a load [kW], of any size."""
        rng = self.rng
        busy = (self.hour >= rng.uniform(6, 9)) & (self.hour < rng.uniform(16, 20)) & (self.day % 7 < 5)
        noise = rng.uniform(0.93, 1.07, self.count)
        warm = 0.03 * (self.temp_c - 5)
        if kind == "cycling":
            return (
                np.where(self.random(rng.uniform(0.5, 1.5)) < np.clip(0.2 + warm + 0.2 * busy, 0.05, 0.95), 1, 0.08)
                * noise
            )
        if kind == "modulating":
            return np.clip(0.15 + warm * busy + 0.25 * busy, 0.08, 1) * noise
        if kind == "lighting":
            return np.where(busy, 0.8 + 0.2 * self.random(2), 0.12) * rng.normal(1, 0.02, self.count)
        if kind == "compressor":
            return 0.5 + 0.7 * self.random(rng.uniform(0.5, 1))
        if kind == "server":
            return 1 + 0.1 * (self.random(4) - 0.5) + rng.normal(0, 0.01, self.count)
        if kind == "oven":
            return np.where((self.random(1) < 0.5) & busy, 1, 0.02) * noise
        if kind == "plugs":
            return (0.3 + 0.7 * busy) * (0.6 + 0.8 * self.random(1)) * noise
        return np.where(self.random(3) < 0.15, 1.0, 0.0) * noise

    def size(self, kw: Floats, mean_kw: float) -> Floats:
        """Return a load at another size."""
        return kw / kw.mean() * mean_kw

    def any_load(self) -> Floats:
        """Return one of the kinds, of 0.3 to 12 kW."""
        return self.size(
            self.load(str(self.rng.choice(KINDS))), float(np.exp(self.rng.uniform(np.log(0.3), np.log(12))))
        )

    def panel(self, parts: list[Floats], has_rest: bool) -> Floats:
        """Return the sum of the parts, and of what is not metered apart."""
        total = np.sum(parts, axis=0)
        if not has_rest:
            return total
        share = self.rng.uniform(0.62, 1)
        rest = np.sum([self.any_load() for _ in range(3)], axis=0)
        return total + self.size(rest, total.mean() * (1 - share) / share)

    def add(self, kw: Floats, parent: int | None = None) -> int:
        """Add a meter of class 1 and return its id."""
        metered = kw * self.rng.normal(1, 0.005) * (1 + self.rng.normal(0, 0.002, self.count))
        self.kwh.append(metered * self.step_h)
        key = 100 + len(self.kwh)
        if parent is not None:
            self.parents[key] = parent
        return key

    def add_tree(self, *, has_rest: bool, is_nested: bool, has_sun: bool = False) -> None:
        """Add a main, its parts, and the parts of some of these."""
        parts: list[tuple[Floats, list[Floats]]] = [(self.any_load(), []) for _ in range(self.rng.integers(3, 7))]
        for _ in range(self.rng.integers(1, 3) if is_nested else 0):
            below = [self.any_load() for _ in range(self.rng.integers(2, 5))]
            parts.append((self.panel(below, has_rest), below))
        total = self.panel([kw for kw, _ in parts], has_rest)
        sun_kw = np.zeros(self.count)
        if has_sun:
            height = np.clip(np.sin(np.pi * (self.hour - 6) / 12), 0, None) * (0.2 + 0.8 * self.random(1))
            sun_kw = self.size(height, total.mean() * self.rng.uniform(0.2, 0.8))
        main = self.add(total - sun_kw)
        for kw, below in parts:
            panel = self.add(kw, main)
            for load in below:
                self.add(load, panel)
        if has_sun:
            self.add(sun_kw)


def make_site(seed: int, interval_s: int = 900, weeks: int = 4, shape: str | None = None) -> GeneratedSite:
    """Return a site of the shape, or of any."""
    maker = _Maker(seed, interval_s, weeks)
    shape = shape or str(maker.rng.choice(SHAPES))
    if shape != "flat":
        maker.add_tree(has_rest=shape in _WITH_REST, is_nested=shape.startswith("nested"), has_sun=shape == "solar")
    if shape == "two":
        maker.add_tree(has_rest=True, is_nested=False)
    for _ in range(maker.rng.integers(4, 14) if shape == "flat" else maker.rng.integers(0, 3)):
        maker.add(maker.any_load())
    order = maker.rng.permutation(len(maker.kwh))
    ids = [101 + int(place) for place in order]
    hours = (np.arange(maker.count) * maker.step_h).astype(np.int64)
    grid = Grid(ids, np.column_stack([maker.kwh[place] for place in order]), hours, interval_s)
    return GeneratedSite(grid, maker.parents)
