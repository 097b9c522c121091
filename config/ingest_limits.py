"""What a reading can be at all, and how long the service is asked for one that is missing.

A site's own limits stand in ``config/sites/<id>.toml``::

    [ingest]
    max_power_kw = 400.0              # the main fuse of the whole site

    [ingest.channel_max_power_kw]
    162121 = 60.0                     # by channel id: its circuit's breaker
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from config.toml_table import TomlTable, read_toml
from lib.paths import SITES_DIR


@dataclass(frozen=True)
class IngestLimits:
    """Limits of one site; a record beyond them goes into quarantine."""

    # The largest main that a sub-meter of this kind is rated for: 3 phases × 277 V × 6,000 A ≈ 5 MW. Validation draws
    # the same line (govern/checks) for what was stored before.
    max_power_kw: float = 5_000.0
    channel_max_power_kw: dict[int, float] = field(default_factory=dict)
    # A counter that was cut off brings the energy of the whole time in one record. The devices keep their counters for
    # good, but an outage of more than a month is a replaced meter, so no record holds more than a month at full power.
    max_catch_up_hours: float = 31 * 24.0
    # Clocks of gateways and servers that are set by NTP agree within seconds; ten minutes is a clock that is wrong.
    max_future_minutes: float = 10.0

    def max_power_of(self, channel_id: int) -> float:
        """Return the most that a channel can carry [kW]."""
        return self.channel_max_power_kw.get(channel_id, self.max_power_kw)


@dataclass(frozen=True)
class GapLimits:
    """When the service counts as having nothing, and how often it is asked."""

    # A gateway that was offline uploads what it kept once it is back, mostly within hours; a week outlasts every long
    # weekend after which somebody plugs it in again. Four asks, so that no single bad answer decides.
    vendor_empty_asks: int = 4
    vendor_empty_days: float = 7.0
    # Nothing came since: the gateway may be off, with everything in its memory. Vendors of such loggers name one to
    # three months of memory at a quarter-hour; a month of asking is polite, and it is asked anew once data come back.
    trailing_vendor_empty_days: float = 30.0
    # The nightly sync asks once; running it twice a day shall not count (or cost) twice.
    ask_again_hours: float = 20.0
    # Requests that a nightly sync may spend on gaps: a few minutes at two a second.
    nightly_requests: int = 300
    # A catch-up: more than this many times what the interval's own power gives (as analyze has it; metered pairs agree
    # within a few percent), and enough to tell from rounding.
    catch_up_min_ratio: float = 3.0
    catch_up_min_energy_kwh: float = 0.1
    # A repeated local hour that holds both passes: about twice the mean of the hours beside it (as analyze has it).
    doubling_min_ratio: float = 1.6
    doubling_max_ratio: float = 2.6
    doubling_nothing_ratio: float = 0.05  # of the usual hour: what the second pass may hold and still be empty


def load_ingest_limits(site_id: int, sites_dir: Path = SITES_DIR) -> IngestLimits:
    """Return the defaults overlaid with what ``[ingest]`` of ``<site_id>.toml`` says.

    Raises
    ------
    ConfigError
        When the file cannot be read, or names something unknown or out of range.
    """
    path = sites_dir / f"{site_id}.toml"
    table = read_toml(path).table("ingest") if path.exists() else None
    if table is None:
        return IngestLimits()
    table.allow_only("max_power_kw", "channel_max_power_kw", "max_catch_up_hours", "max_future_minutes")
    default = IngestLimits()
    return IngestLimits(
        max_power_kw=table.number("max_power_kw", default.max_power_kw),
        channel_max_power_kw=_read_channels(table.table("channel_max_power_kw")),
        max_catch_up_hours=table.number("max_catch_up_hours", default.max_catch_up_hours),
        max_future_minutes=table.number("max_future_minutes", default.max_future_minutes),
    )


def _read_channels(table: TomlTable | None) -> dict[int, float]:
    if table is None:
        return {}
    for name in table.values:
        if not (name.isascii() and name.isdigit()):
            table.refuse(name, "should be a channel id, such as 162121")
    return {int(name): table.number(name) for name in table.values}
