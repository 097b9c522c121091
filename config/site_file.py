"""What an operator says of a site: ``config/sites/<id>.toml``, as one strict model, read once a process.

``config/sites/example.toml`` shows every table and key with its meaning and default; it and the schema for editors
beside it are generated from the model (``python operations/write_reference.py``). Unknown tables and keys are refused.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec

from config.bill_tables import BillsTable
from config.former_names import regroup
from config.opening_hours import LocalDate, Schedule, ScheduleTable
from config.share_tables import SharesTable
from config.strict_toml import (
    Document,
    Place,
    Refusal,
    Table,
    about,
    convert_model,
    read_document,
    read_model,
    refuse,
    shown,
    suggest,
)
from config.tariff_tables import TariffTable
from config.thresholds import Thresholds
from lib.channel_names import match_channels
from lib.errors import ConfigError
from lib.paths import PROJECT_ROOT, SITES_DIR, TARIFFS_DIR

if TYPE_CHECKING:
    from config.site_bills import Bill
    from config.tariff_model import SiteTariffs

logger = logging.getLogger(__name__)

BRANDING_FILE = PROJECT_ROOT / "config" / "branding.toml"
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
_MAX_LOGO_BYTES = 200_000  # the page is mailed, and stays below a megabyte
_MIN_CONTRAST = 4.5  # against white: WCAG 2.2, 1.4.3, level AA
_MAX_CHANNEL = 2**63 - 1  # of PostgreSQL's bigint

# No address is valid for certain before mail has reached it; this refuses what cannot be one, or would be two.
_ADDRESS = r"^[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+$"
Address = Annotated[str, about("Mail address", pattern=_ADDRESS, right='a mail address such as "name@example.com"')]
ChannelId = Annotated[int, about("Channel id", ge=1, le=_MAX_CHANNEL, right="a channel id, such as 162121")]


_CHANNEL_LIST = 'a list of names or ids of channels, such as ["House dryer", 162126]'
ChannelKey = Annotated[str | int, about("A channel's name or id", right="a channel's name or id")]


class SiteTable(Table, frozen=True):
    """What belongs to the site: of the channels that the service lists, all, some, or all but some.

    One that is left out is not asked for, not checked, and in no report; the reports name it.
    """

    include: Annotated[
        tuple[ChannelKey, ...], about("Only these channels, by name or id; not with exclude", right=_CHANNEL_LIST)
    ] = ()
    exclude: Annotated[tuple[ChannelKey, ...], about("All channels but these, by name or id", right=_CHANNEL_LIST)] = ()

    def __post_init__(self) -> None:
        if self.include and self.exclude:
            raise Refusal("exclude", "should not stand beside include: the channels that are not included are left out")


class SyncTable(Table, frozen=True):
    """The nightly sync."""

    is_active: Annotated[bool, about("false for a site that left: the sync passes over it, its readings stay")] = True


class RecipientsTable(Table, frozen=True):
    """Who gets mail."""

    recipients: Annotated[
        tuple[Address, ...], about("Mail addresses", right='a list of mail addresses such as ["name@example.com"]')
    ] = ()


class MailedReport(StrEnum):
    """Which report a site's recipients get on Mondays."""

    WEEKLY = "weekly"  # with all evidence
    CUSTOMER = "customer"  # in plain language
    BOTH = "both"


class ReportTable(RecipientsTable, frozen=True):
    """The weekly report, and what is told of findings in between."""

    kind: Annotated[MailedReport, about("What is mailed on Mondays: the weekly report, the customer's, or both")] = (
        MailedReport.WEEKLY
    )

    max_finding_mails: Annotated[
        int, about("Mails a week about new findings, at most; 0 leaves them all to the weekly report", ge=0)
    ] = 1
    tell_from_cost: (
        Annotated[
            float,
            about(
                "A finding of this much a week, in the site's currency, is told after its first night, a smaller one "
                "after two. Left out: what 417 kWh cost, 50 USD at 0.12",
                ge=0,
            ),
        ]
        | None
    ) = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of report that are mailed."""
        both = (MailedReport.WEEKLY, MailedReport.CUSTOMER)
        return tuple(map(str, both if self.kind is MailedReport.BOTH else (self.kind,)))


class BuildingTable(Table, frozen=True):
    """The building."""

    floor_area_m2: Annotated[float, about("Square meters; the report then tells use per area", gt=0)] | None = None


class CarbonTable(Table, frozen=True, kw_only=True):
    """What a kWh from the grid emits."""

    # No grid of the world comes near 5 kg/kWh; such a number was meant per MWh, or in grams.
    kg_per_kwh: Annotated[float, about("kg CO2e per kWh", ge=0, le=5)]
    source: Annotated[str, about("Who publishes it, for which grid and year")]


class MeasureTable(Table, frozen=True, kw_only=True):
    """A change at a meter, whose savings the monthly summary verifies."""

    name: Annotated[str, about("What was changed")]
    channel: Annotated[ChannelId, about("The meter that should show it")]
    date: Annotated[LocalDate, about("Local day of the change")]


class IngestLimits(Table, frozen=True):
    """What a reading can be at all; a record beyond it goes into quarantine."""

    max_power_kw: Annotated[
        float,
        about("Most that any channel carries", "the largest main of its kind, 3 phases × 277 V × 6,000 A", ge=0),
    ] = 5_000.0
    channel_max_power_kw: Annotated[
        dict[ChannelId, Annotated[float, about("Its circuit's breaker", ge=0)]],
        about("The same by channel id"),
    ] = {}
    # Devices keep their counters for good, but an outage of more than a month is a replaced meter.
    max_catch_up_hours: Annotated[
        float, about("Hours at full power that one record may hold after an outage", "a month", ge=0)
    ] = 31 * 24.0
    max_future_minutes: Annotated[float, about("A reading further ahead has a wrong clock", "NTP", ge=0)] = 10.0

    def max_power_of(self, channel_id: int) -> float:
        """Return the most that a channel can carry [kW]."""
        return self.channel_max_power_kw.get(channel_id, self.max_power_kw)


def limit(default: float, why: str, low: float = 0.0) -> msgspec.Meta:
    """Return what is said of a limit of a check whose default is `default` (govern/checks)."""
    return about(f"Default {default:g}.", why, ge=low, default=default)


class ValidationTable(Table, frozen=True):
    """Limits of checks for this site alone; what each check asserts: docs/guides/data_quality.md."""

    max_lag_hours: Annotated[float, limit(12, "a daily sync asks up to now")] | None = None
    max_lag_intervals: Annotated[float, limit(8, "a late post of a gateway holds a few")] | None = None
    min_site_completeness_pct: Annotated[float, limit(50, "less describes the network")] | None = None
    min_day_completeness_pct: Annotated[float, limit(90, "the report calls 10 % missing incomplete")] | None = None
    max_quarantined_energy_pct: Annotated[float, limit(20, "a report without a fifth tells another site")] | None = None
    max_quarantined_meters_pct: Annotated[float, limit(50, "half of them at once is the gateway")] | None = None
    max_energy_power_ratio: Annotated[float, limit(2, "metered pairs agree within a few percent")] | None = None
    min_checked_power_kw: Annotated[float, limit(0.05, "below it rounding dominates")] | None = None
    min_checked_intervals: Annotated[float, limit(8, "a median of fewer says little")] | None = None
    max_phase_sum_ratio: Annotated[float, limit(1.1, "phases and total are averaged apart")] | None = None
    max_power_only_pct: Annotated[float, limit(1, "less than a quarter of an hour a day")] | None = None
    max_export_misfit_pct: Annotated[float, limit(10, "metered pairs agree within a few percent")] | None = None
    max_jump_ratio: Annotated[float, limit(3, "metered pairs agree within a few percent")] | None = None
    min_jump_kwh: Annotated[float, limit(0.1, "below it a ratio compares rounding errors")] | None = None
    max_doubling_ratio: Annotated[float, limit(1.6, "loads do not double by the hour at night")] | None = None
    min_doubled_kwh: Annotated[float, limit(0.1, "below it a ratio compares rounding errors")] | None = None
    max_children_ratio: Annotated[float, limit(1.05, "IEC 62053-21 and IEC 61869-2, class 1")] | None = None
    max_phase_views_ratio: Annotated[float, limit(1.05, "recorded points agree within a thousandth")] | None = None
    max_replaced_days: Annotated[float, limit(3, "an electrician's visit")] | None = None
    min_replaced_ratio: Annotated[float, limit(0.5, "a site's use changes with its season")] | None = None
    min_compared_days: Annotated[float, limit(3, "a day may hold a meter's replacement")] | None = None
    min_twin_days: Annotated[float, limit(3, "real loads differ in the first digits")] | None = None
    min_stuck_hours: Annotated[float, limit(6, "as the report's sensor health")] | None = None
    min_stuck_power_kw: Annotated[float, limit(0.01, "an idle current transformer")] | None = None
    min_frequency_hz: Annotated[float, limit(45, "50 Hz less 10 %")] | None = None
    max_frequency_hz: Annotated[float, limit(66, "60 Hz and 10 %")] | None = None
    max_power_factor: Annotated[float, limit(1.005, "1 by definition; devices round")] | None = None
    min_temperature_c: Annotated[float, limit(-40, "industrial range", -273.15)] | None = None
    max_temperature_c: Annotated[float, limit(85, "industrial range")] | None = None
    min_voltage_v: Annotated[float, limit(80, "100 V less 20 %")] | None = None
    max_voltage_v: Annotated[float, limit(480, "400 V and 20 %")] | None = None
    reconciliation_tolerance_kwh: Annotated[float, limit(0.001, "sums round in another order")] | None = None

    def own(self) -> dict[str, float]:
        """Return the limits that the site sets, by name."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}


_SHARED = ("max_power_kw", "max_catch_up_hours")  # limits of [ingest] by which validation judges too


class SiteLimit(NamedTuple):
    """A limit that a site's file sets, and what would hold otherwise."""

    name: str
    value: float | int
    default: float | int


class BrandingTable(Table, frozen=True):
    """How customer reports look. A site's keys replace those of config/branding.toml one by one."""

    name: Annotated[str, about("Who the report is from")] | None = None
    color: (
        Annotated[
            str,
            about(
                "Of headings and charts; dark enough to be read on white",
                pattern="^#[0-9a-fA-F]{6}$",
                right="a color such as '#0b6b67'",
            ),
        ]
        | None
    ) = None
    logo: Annotated[str, about("PNG, JPEG or SVG of at most 200 kB, beside config/branding.toml")] | None = None
    contact: Annotated[str, about("Printed at the end")] | None = None

    def __post_init__(self) -> None:
        if self.color is not None and _contrast_with_white(self.color) < _MIN_CONTRAST:
            right = f"a darker color: its contrast with white must be {_MIN_CONTRAST} or more"
            raise Refusal("color", f"should be {right}, not {self.color!r}")


class BrandingFile(Table, frozen=True):
    """``config/branding.toml``."""

    branding: BrandingTable = BrandingTable()


class Branding(NamedTuple):
    """The brand of a report; empty texts where there is none. `logo` is a data URI."""

    name: str = ""
    color: str = ""
    logo: str = ""
    contact: str = ""


class ChannelKind(StrEnum):
    """What a channel measures."""

    LOAD = "load"
    GENERATION = "generation"
    STORAGE = "storage"
    MAIN = "main"
    SENSOR = "sensor"


class Equipment(StrEnum):
    """What a channel feeds."""

    HVAC = "hvac"
    HEATING = "heating"
    COOLING = "cooling"
    VENTILATION = "ventilation"
    LIGHTING = "lighting"
    REFRIGERATION = "refrigeration"
    COOKING = "cooking"
    HOT_WATER = "hot_water"
    COMPRESSED_AIR = "compressed_air"
    PUMPS = "pumps"
    PROCESS = "process"
    IT = "it"
    EV_CHARGING = "ev_charging"
    ELEVATORS = "elevators"
    LAUNDRY = "laundry"
    PLUG_LOADS = "plug_loads"
    OTHER = "other"


class ChannelTable(Table, frozen=True):
    """What a channel is, by its name or id: [channels."PV inverter"], [channels."162126"]."""

    kind: Annotated[ChannelKind, about("What it measures; a main tells import and export")] | None = None
    must_run: Annotated[bool, about("It is needed while the site is closed: no saving is claimed for it")] = False
    parent: (
        Annotated[
            str | int,
            about(
                'The meter whose energy holds its own; "" for none',
                right='a channel\'s name or id, or "" for none',
                may_be_blank=True,
            ),
        ]
        | None
    ) = None
    until: (
        Annotated[date, about("Last local day on which it counts and is expected, as of a replaced meter")] | None
    ) = None
    unit_factor: Annotated[
        float, about("Energy and power are multiplied by this, in all reports; what is stored stays", gt=0)
    ] = 1.0
    equipment: Annotated[Equipment, about("What it feeds")] | None = None


_COLUMN_LIST = 'a list of columns, as the header names them, such as ["Date", "Time"]'


class FileMapping(Table, frozen=True):
    """How interval files that come again and again are read: [files.utility], for import_csv.py --mapping utility."""

    format: Annotated[str, about("A name of --list-formats")] | None = None
    sheet: Annotated[str, about("Sheet of a workbook")] | None = None
    member: Annotated[str, about("File within a ZIP")] | None = None
    table: Annotated[int, about("Which of several tables one below the other, counted from 1", ge=1)] | None = None
    start: Annotated[
        tuple[str, ...], about("Column of the intervals' starts, or date and time", right=_COLUMN_LIST)
    ] = ()
    end: Annotated[tuple[str, ...], about("Column of the intervals' ends, or date and time", right=_COLUMN_LIST)] = ()
    interval_end: Annotated[bool, about("The times are the intervals' ends (true) or starts (false)")] | None = None
    date_format: Annotated[str, about('As strptime has it, such as "%d/%m/%Y %H:%M"')] | None = None
    clock: Annotated[str, about("IANA zone of the files' times, if another than the site's")] | None = None
    interval_minutes: Annotated[int, about("Length of an interval", ge=1, le=60)] | None = None
    only_minutes: (
        Annotated[int, about("Of a file of two lengths, take the intervals of this one", ge=1, le=60)] | None
    ) = None
    meter: Annotated[str, about("Column that names the meter of each row")] | None = None
    channel_name: Annotated[str, about("Name of the channel in a file of one meter")] | None = None
    columns: Annotated[tuple[str, ...], about("Columns of values; all others are left out", right=_COLUMN_LIST)] = ()
    unit: Annotated[str, about("Wh, kWh, MWh, W, kW or MW, where the header says none")] | None = None
    factor: Annotated[float, about("The values are multiplied by it, as by a meter's multiplier", gt=0)] | None = None
    where: Annotated[
        tuple[str, ...],
        about("Only rows where a column says this", right='a list of "COLUMN=VALUE", such as ["Type=Consumption"]'),
    ] = ()
    fill_down: Annotated[bool, about("The date is only in the first row of a day")] = False
    leave_out: Annotated[tuple[str, ...], about("Columns that tell nothing of the meter", right=_COLUMN_LIST)] = ()
    counted_hours: Annotated[
        bool, about("Hours are numbered from midnight, up to 25 and 23 on the days of clock changes")
    ] = False
    ends_by_start: Annotated[
        bool, about("In the hour that autumn repeats, ends are their start's clock plus the interval: 1:45, 2:00, 1:15")
    ] = False
    decimal: Annotated[str, about('Decimal sign of the values, "." or ","', pattern=r"^[.,]$")] | None = None
    register: Annotated[bool, about("The values count up, and use is their difference")] | None = None
    rollover: Annotated[float, about("What a register counts to before it begins at zero", gt=0)] | None = None
    net: Annotated[bool, about("Energy below zero is export, and stored as it is")] = False
    keep_first: Annotated[bool, about("Of two values for one interval the first is right")] = False
    points: Annotated[tuple[str, ...], about('Green Button: usage points of this site, "all" for all')] = ()
    types_by_order: Annotated[bool, about("Green Button: each block is of the ReadingType above it")] = False
    series: Annotated[
        tuple[str, ...],
        about("Green Button: series to take", right='a list of "LINK=CHANNEL", such as ["MeterReading/1=Main"]'),
    ] = ()

    def __post_init__(self) -> None:
        if self.start and self.end:
            raise Refusal("end", "should be left out beside start")
        if self.unit is not None and self.unit.casefold() not in ("wh", "kwh", "mwh", "w", "kw", "mw"):
            raise Refusal("unit", "should be Wh, kWh, MWh, W, kW or MW")
        for text in self.where:
            if "=" not in text:
                raise Refusal("where", 'should be a list of "COLUMN=VALUE"')


class SiteFile(Table, frozen=True):
    """``config/sites/<id>.toml``. Every table and key may be left out."""

    site: SiteTable = SiteTable()
    schedule: ScheduleTable = ScheduleTable()
    tariff: TariffTable = TariffTable()
    bills: BillsTable = BillsTable()
    shares: SharesTable = SharesTable()
    carbon: CarbonTable | None = None
    building: BuildingTable = BuildingTable()
    channels: Annotated[dict[str, ChannelTable], about("By name or id")] = {}
    measures: tuple[MeasureTable, ...] = ()
    files: Annotated[dict[str, FileMapping], about("By a name of your own")] = {}
    report: Annotated[ReportTable, about("The weekly report, and mails about findings")] = ReportTable()
    alerts: Annotated[RecipientsTable, about("This site's alerts, in place of ALERT_RECIPIENTS")] = RecipientsTable()
    sync: SyncTable = SyncTable()
    ingest: IngestLimits = IngestLimits()
    validation: ValidationTable = ValidationTable()
    branding: BrandingTable = BrandingTable()
    thresholds: Thresholds = Thresholds()


class Measure(NamedTuple):
    """One change at one meter."""

    name: str
    channel_id: int
    changed_on: date


class SiteChannel(NamedTuple):
    """What the site's file says of one channel; `parent_id` is its parent's id, None where none is named."""

    channel_id: int
    facts: ChannelTable
    parent_id: int | None = None


@dataclass(frozen=True)
class SiteConfig:
    """A site's file as values. `document` is what the file says, in places of today; `written` as `Source` has it."""

    site_id: int
    path: Path
    file: SiteFile
    document: Document
    written: Mapping[Place, Place]
    tariffs_dir: Path = TARIFFS_DIR
    branding_file: Path = BRANDING_FILE

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of the analyses."""
        return self.file.thresholds

    @cached_property
    def schedule(self) -> Schedule:
        """When the site is open.

        Raises
        ------
        ConfigError
            When the holidays of its country and state are not known.
        """
        try:
            return self.file.schedule.to_schedule()
        except Refusal as err:
            refuse(self.path, ("schedule", *err.place), err.problem)

    @cached_property
    def tariffs(self) -> SiteTariffs:
        """What the site pays; the shipped flat rate, marked as assumed, where its file names none."""
        from config.site_tariffs import load_site_tariffs  # here, for it needs numpy
        from config.tariff_model import Carbon

        carbon = self.file.carbon
        factor = None if carbon is None else Carbon(carbon.kg_per_kwh, carbon.source)
        return load_site_tariffs(self.file.tariff, factor, self.path, self.tariffs_dir)

    @cached_property
    def bills(self) -> tuple[Bill, ...]:
        """What the utility billed, by date; empty where the file tells of no bill.

        Raises
        ------
        ConfigError
            When the bills overlap, leave days out, are in another currency than the tariff, or cannot be read.
        """
        from config.site_bills import load_bills

        return load_bills(self.file.bills, self.path, self.tariffs) if self.file.bills.is_given else ()

    @cached_property
    def branding(self) -> Branding:
        """The brand of the site's reports."""
        common = read_model(self.branding_file, BrandingFile) if self.branding_file.exists() else BrandingFile()
        brand = Branding()
        for table, path in ((common.branding, self.branding_file), (self.file.branding, self.path)):
            given = {name: value for name in Branding._fields if (value := getattr(table, name)) is not None}
            if "logo" in given:
                given["logo"] = _data_uri(self.branding_file.parent / given["logo"], path)
            brand = brand._replace(**given)
        return brand._replace(color=brand.color.lower())

    @property
    def measures(self) -> list[Measure]:
        """What was changed and when, by date."""
        rows = [Measure(row.name, row.channel, row.date) for row in self.file.measures]
        return sorted(rows, key=lambda measure: measure.changed_on)

    def limits(self, defaults: Mapping[str, float | int]) -> tuple[SiteLimit, ...]:
        """Return the limits that the site sets; whole where the default is, for 1 / 2 is 0 in a query."""
        # What a reading can be at all is one fact: [ingest] holds here too.
        ingest, usual = self.file.ingest, IngestLimits()
        shared = {name: getattr(ingest, name) for name in _SHARED if getattr(ingest, name) != getattr(usual, name)}
        own = {name: value for name, value in shared.items() if name in defaults} | self.file.validation.own()
        typed = {
            name: int(value) if isinstance(defaults[name], int) and value.is_integer() else value
            for name, value in own.items()
        }
        return tuple(SiteLimit(name, value, defaults[name]) for name, value in typed.items())

    def channels(self, names: Mapping[int, str]) -> dict[int, SiteChannel]:
        """Return what is said of the site's channels, by id; see `resolve_channels`."""
        return resolve_channels(self.file.channels, names, self.path)

    def ingest_limits(self, names: Mapping[int, str]) -> IngestLimits:
        """Return what a record can be at all, in the unit in which it comes: before its channel's `unit_factor`."""
        limits = self.file.ingest
        scaled = {key: table for key, table in self.file.channels.items() if table.unit_factor != 1}
        own = {
            channel.channel_id: limits.max_power_of(channel.channel_id) / channel.facts.unit_factor
            for channel in resolve_channels(scaled, names, self.path).values()
        }
        return msgspec.structs.replace(limits, channel_max_power_kw=limits.channel_max_power_kw | own)

    def owners(self, names: Mapping[int, str]) -> dict[str, tuple[int, ...]]:
        """Return the channels of those who pay parts of the bill; see `resolve_owners`."""
        return resolve_owners(self.file.shares, names, self.path)

    def excluded(self, names: Mapping[int, str]) -> frozenset[int]:
        """Return the channels that the file leaves out; see `resolve_excluded`."""
        return resolve_excluded(self.file.site, names, self.path)


def load_site(
    site_id: int, sites_dir: Path = SITES_DIR, tariffs_dir: Path = TARIFFS_DIR, branding_file: Path = BRANDING_FILE
) -> SiteConfig:
    """Return what ``<site_id>.toml`` says; the defaults where there is no file.

    Raises
    ------
    ConfigError
        When the file cannot be read, or anything in it is unknown, missing, or cannot be meant.
    """
    path = sites_dir / f"{site_id}.toml"
    document, written = regroup(read_document(path), path) if path.exists() else ({}, {})
    file = convert_model(document, SiteFile, path, written)
    return SiteConfig(site_id, path, file, document, written, tariffs_dir, branding_file)


@cache
def read_site(site_id: int, sites_dir: Path = SITES_DIR) -> SiteConfig:
    """Return what ``<site_id>.toml`` says, read once a process; raises as `load_site` does."""
    return load_site(site_id, sites_dir)


def list_configured_sites(sites_dir: Path = SITES_DIR) -> list[int]:
    """Return the ids of the sites that have a file, in order; other files, such as the example, are none."""
    return sorted(int(path.stem) for path in sites_dir.glob("*.toml") if path.stem.isdecimal())


def read_sites(sites_dir: Path = SITES_DIR) -> dict[int, SiteConfig]:
    """Return each site that has a file; one with a mistake is logged, and its site left out.

    One site's file must not keep the others from being synced, or their alerts from being sent.
    """
    sites = {}
    for site_id in list_configured_sites(sites_dir):
        try:
            sites[site_id] = read_site(site_id, sites_dir)
        except ConfigError as err:
            logger.error("site %d: %s", site_id, err)
    return sites


def list_inactive_sites(sites_dir: Path = SITES_DIR) -> set[int]:
    """Return the ids of the sites that their files take out of the sync."""
    return {site_id for site_id, site in read_sites(sites_dir).items() if not site.file.sync.is_active}


def is_address(text: str) -> bool:
    """Return whether `text` can be one mail address, without a name or a second address beside it."""
    return re.fullmatch(_ADDRESS, text) is not None


# --- Channels ---------------------------------------------------------------------------------------------------------


def resolve_channels(
    tables: Mapping[str, ChannelTable], names: Mapping[int, str], path: Path
) -> dict[int, SiteChannel]:
    """Return what the tables say of a site's channels, by channel id.

    Parameters
    ----------
    tables
        By name or id, as the file has them. An id goes above a name of the same digits.
    names
        Channel id → name, of all channels of the site.
    path
        The file, for messages.

    Raises
    ------
    ConfigError
        When a name is unknown or belongs to two channels, two entries are about one channel, or parents form a circle.
    """
    channels: dict[int, SiteChannel] = {}
    keys: dict[int, str] = {}
    for key, table in tables.items():
        channel_id = _channel_of(key, names, path, ("channels", key))
        if channel_id in keys:
            refuse(path, ("channels", key), f"and {keys[channel_id]!r} are one channel, {channel_id}; keep one of them")
        keys[channel_id] = key
        place = ("channels", key, "parent")
        parent = None if table.parent in (None, "") else _channel_of(str(table.parent), names, path, place)
        channels[channel_id] = SiteChannel(channel_id, table, parent)
    for channel_id, key in keys.items():
        _refuse_circle(channel_id, channels, path, ("channels", key, "parent"))
    return channels


def resolve_excluded(table: SiteTable, names: Mapping[int, str], path: Path) -> frozenset[int]:
    """Return the channels of the site that its file leaves out, by id.

    Parameters
    ----------
    names
        Channel id → name, of all channels of the site.

    Raises
    ------
    ConfigError
        When a name is unknown or belongs to two channels, or none would be left.
    """
    key = "include" if table.include else "exclude"
    chosen = [_channel_of(str(name), names, path, ("site", key)) for name in getattr(table, key)]
    excluded = frozenset(names).difference(chosen) if table.include else frozenset(chosen)
    if excluded and excluded == frozenset(names):
        refuse(path, ("site", key), "leaves out every channel of the site; say is_active = false under [sync] instead")
    return excluded


def resolve_owners(table: SharesTable, names: Mapping[int, str], path: Path) -> dict[str, tuple[int, ...]]:
    """Return the channels of each owner, by the owner's name.

    Parameters
    ----------
    names
        Channel id → name, of all channels of the site.

    Raises
    ------
    ConfigError
        When a name is unknown or belongs to two channels, or two owners have the same channel.
    """
    owners: dict[str, tuple[int, ...]] = {}
    whose: dict[int, str] = {}
    for name, owner in table.owners.items():
        place = ("shares", "owners", name, "meters")
        owners[name] = tuple(_channel_of(str(key), names, path, place) for key in owner.meters)
        for channel_id in owners[name]:
            if channel_id in whose:
                refuse(path, place, f"should not have channel {channel_id}, for {whose[channel_id]!r} has it")
            whose[channel_id] = name
    return owners


def _channel_of(key: str, names: Mapping[int, str], path: Path, place: Place) -> int:
    found = match_channels(key, names)
    if not found:
        refuse(path, place, f"names no channel of this site: {key!r}; {suggest(key, set(names.values()))}")
    if len(found) > 1:
        refuse(path, place, f"names {len(found)} channels: {key!r}; use the id, one of {', '.join(map(str, found))}")
    return found[0]


def _refuse_circle(start: int, channels: Mapping[int, SiteChannel], path: Path, place: Place) -> None:
    seen, step = [start], channels[start].parent_id
    while step is not None and step not in seen:
        seen.append(step)
        step = channels[step].parent_id if step in channels else None
    if step == start:
        circle = " → ".join(map(str, [*seen, start]))
        refuse(path, place, f"should be another meter, for a meter is no part of itself: {circle}")


# --- Branding ---------------------------------------------------------------------------------------------------------


def _data_uri(logo: Path, path: Path) -> str:
    media_type = _MEDIA_TYPES.get(logo.suffix.lower())
    if media_type is None or not logo.is_file():
        refuse(path, ("branding", "logo"), f"should be a PNG, JPEG or SVG file that exists in {shown(logo.parent)}")
    if logo.stat().st_size > _MAX_LOGO_BYTES:
        refuse(path, ("branding", "logo"), f"should be a file of at most {_MAX_LOGO_BYTES // 1000} kB")
    return f"data:{media_type};base64,{base64.b64encode(logo.read_bytes()).decode()}"


def _contrast_with_white(color: str) -> float:
    """Return the contrast ratio (WCAG 2.2, relative luminance)."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 1.05 / (sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05)
