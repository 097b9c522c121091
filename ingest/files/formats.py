"""The formats of interval files that are known by name: each declared once, recognised by its header. Pure.

To add one, append a `Format` and a test with three lines of such a file (see CONTRIBUTING.md). A format is recognised
when its header has all the columns of one of its `needs`; nothing of it is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.files.columns import key_of

_HALF_HOUR_STARTS = tuple(f"{n // 2:02d}_{n % 2 * 30:02d}" for n in range(48))
_HALF_HOUR_ENDS = (*_HALF_HOUR_STARTS[1:], "00_00")


@dataclass(frozen=True)
class Format:
    """A format. Columns are named by their keys: lower case, every other sign an underscore.

    Attributes
    ----------
    name, title, source
        For ``--format``, for the list, and who writes such files.
    needs
        Sets of columns; the header of a file has all of one of them.
    start, end
        The columns of the time, the first set that the header has counts: one column, or date and time of day.
    is_range
        One cell holds start and end, such as "2026-03-02 00:00 to 2026-03-02 01:00".
    meter
        The column that names the meter of each row.
    meter_if_several
        The column that does so where the file holds more than one.
    values
        Column → its unit, "" where `unit_column` says it row by row.
    where
        Column → what it says, without case, in the rows that are use.
    month_first
        Of 01/02/2026, whether the month stands first; None where such files write it otherwise.
    is_register
        The values count up, and each is read at the end of the interval that its row names.
    days
        A row is a day, with a column for each interval of it.
    asks
        What such a file does not tell, so that it is read with ``--format`` only.
    example
        The header and two rows.
    """

    name: str
    title: str
    source: str
    needs: tuple[frozenset[str], ...]
    start: tuple[tuple[str, ...], ...] = ()
    end: tuple[tuple[str, ...], ...] = ()
    is_range: bool = False
    meter: str = ""
    meter_if_several: str = ""
    values: tuple[tuple[str, str], ...] = ()
    unit_column: str = ""
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    month_first: bool | None = None
    is_register: bool = False
    days: bool = False
    asks: str = ""
    example: str = ""


def _columns(text: str) -> frozenset[str]:
    return frozenset(text.split())


FORMATS: tuple[Format, ...] = (
    Format(
        "argo-monthly",
        "monthly export of the earlier system",
        "raw monthly CSV",
        (_columns("timestamp unix_timestamp channel_id energy_kwh power_kw device_type data_type"),),
        start=(("timestamp",),),
        meter="channel_id",
        values=(("energy_kwh", "kWh"), ("power_kw", "kW")),
        example="Timestamp,Unix_Timestamp,…,Channel_ID,…,Energy_kWh,…,Power_kW",
    ),
    Format(
        "argo-timeseries",
        "time series export of the earlier system",
        "dashboard CSV",
        (_columns("timestamp date time channel_id channel_name category energy_kwh power_kw"),),
        start=(("timestamp",),),
        meter="channel_id",
        values=(("energy_kwh", "kWh"), ("power_kw", "kW")),
        example="Timestamp,Date,Time,Channel ID,Channel Name,Category,Energy (kWh),Power (kW)",
    ),
    Format(
        "argo-asset",
        "use by asset, export of the earlier system",
        "VEM CSV",
        (_columns("timestamp usage_kwh asset_name"),),
        start=(("timestamp",),),
        meter="asset_name",
        values=(("usage_kwh", "kWh"),),
        example="Timestamp,Usage_kWh,Asset_Name\n2026-03-02 00:00:00,1.0,RTU-1",
    ),
    Format(
        "argo-readings",
        "readings for Tableau of the earlier system, and this project's own export",
        "export_for_tableau.py",
        (_columns("timestamp channel_id channel_name energy_kwh power_kw"),),
        start=(("timestamp",),),
        meter="channel_id",
        values=(("energy_kwh", "kWh"), ("power_kw", "kW")),
        example="timestamp,channel_id,channel_name,…,energy_kwh,power_kw\n"
        "2026-03-02 05:00:00+00:00,900101,Unit-1,…,1.0,4.0",
    ),
    Format(
        "opower",
        "PG&E, PECO, ComEd, BGE and others of Opower's download",
        "My Usage, Export, CSV",
        (
            _columns("type date start_time end_time usage units"),
            _columns("type date start_time end_time usage_kwh"),
            _columns("type date start_time end_time import_kwh export_kwh"),
        ),
        start=(("date", "start_time"),),
        values=(("usage", ""), ("usage_kwh", "kWh"), ("import_kwh", "kWh")),
        unit_column="units",
        where=(("type", ("electric usage", "electric billing")),),
        month_first=True,
        example="TYPE,DATE,START TIME,END TIME,USAGE,UNITS,COST,NOTES\n"
        "Electric usage,2026-03-02,00:00,00:14,1.0,kWh,$0.30,",
    ),
    Format(
        "green-button-csv",
        "Green Button as CSV: SCE, United Power and others",
        "one column holds start and end",
        (
            _columns("energy_consumption_time_period usage_real_energy_in_kilowatt_hours"),
            _columns("energy_delivered_time_period usage_real_energy_in_kilowatt_hours"),
        ),
        start=(("energy_consumption_time_period",), ("energy_delivered_time_period",)),
        is_range=True,
        values=(("usage_real_energy_in_kilowatt_hours", "kWh"),),
        month_first=True,
        example="Energy consumption time period,Usage(Real energy in kilowatt-hours)\n"
        "2026-03-02 00:00 to 2026-03-02 01:00,1.000",
    ),
    Format(
        "sdge",
        "San Diego Gas & Electric",
        "Green Button download as CSV",
        (_columns("meter_number date start_time duration consumption generation net"),),
        start=(("date", "start_time"),),
        meter="meter_number",
        values=(("consumption", "kWh"),),
        month_first=True,
        example="Meter Number,Date,Start Time,Duration,Consumption,Generation,Net\n"
        "0123,3/2/2026,12:00 AM,15,0.25,0,0.25",
    ),
    Format(
        "smart-meter-texas",
        "Smart Meter Texas",
        "15-minute interval data",
        (
            _columns("esiid usage_date usage_start_time usage_kwh consumption_surplusgeneration"),
            _columns("esiid date start_time usage_kwh consumption_surplusgeneration"),
        ),
        start=(("usage_date", "usage_start_time"), ("date", "start_time")),
        meter_if_several="esiid",
        values=(("usage_kwh", "kWh"),),
        where=(("consumption_surplusgeneration", ("consumption",)),),
        month_first=True,
        example="ESIID,USAGE_DATE,USAGE_START_TIME,USAGE_KWH,ESTIMATED_ACTUAL,CONSUMPTION_SURPLUSGENERATION",
    ),
    Format(
        "ameren",
        "Ameren Illinois",
        "hourly and 15-minute use side by side; the 15-minute one is the last",
        (
            _columns("start_interval_date_time meter_id usage units interval"),
            _columns("timestamp meter_id usage units interval"),
        ),
        start=(("start_interval_date_time",), ("timestamp",)),
        meter="meter_id",
        values=(("usage", ""),),
        unit_column="units",
        month_first=True,
        example="Start Interval Date/Time,Meter Id,Usage,Units,Interval,Usage,Units,Interval\n"
        "03/16/2026 00:00,7,4,kwh,60min,1.0,kwh,15min",
    ),
    Format(
        "esb-networks",
        "ESB Networks, Ireland: harmonised download file",
        "half-hourly; times are ends; the unit stands in the read type",
        (_columns("mprn meter_serial_number read_value read_type read_date_and_end_time"),),
        end=(("read_date_and_end_time",),),
        meter="meter_serial_number",
        values=(("read_value", ""),),
        unit_column="read_type",
        where=(("read_type", ("active import interval (kw)", "active import interval (kwh)")),),
        month_first=False,
        example="MPRN,Meter Serial Number,Read Value,Read Type,Read Date and End Time\n"
        "1,18,0.5,Active Import Interval (kW),16-03-2026 00:30",
    ),
    Format(
        "datadis",
        "Datadis, Spain",
        "hourly; times are ends, 01:00 to 24:00",
        (_columns("cups fecha hora consumo_kwh"),),
        end=(("fecha", "hora"),),
        meter_if_several="cups",
        values=(("consumo_kwh", "kWh"),),
        example="CUPS;Fecha;Hora;Consumo_kWh;Metodo_obtencion\n"
        "ES0031;2026/03/02;01:00;1,0;Real",
    ),
    Format(
        "linz-netz",
        "Linz Netz, Austria",
        "quarter-hours",
        (_columns("datum_von datum_bis energiemenge_in_kwh"),),
        start=(("datum_von",),),
        values=(("energiemenge_in_kwh", "kWh"),),
        example="Datum von;Datum bis;Energiemenge in kWh;Ersatzwert\n"
        "16.03.2026 00:00;16.03.2026 00:15;1,0;",
    ),
    Format(
        "isolarcloud",
        "Sungrow iSolarCloud",
        "the load is the site's use; the other columns are left out",
        (_columns("time pv_kwh purchased_energy_kwh feed_in_kwh load_kwh"),),
        start=(("time",),),
        values=(("load_kwh", "kWh"),),
        example="Time,PV(kWh),Purchased Energy(kWh),Feed-in(kWh),Load(kWh)\n"
        "2026-03-02 00:00,0.5,1.0,0.25,1.25",
    ),
    Format(
        "home-assistant-statistics",
        "Home Assistant, long-term statistics",
        "hourly sums that count up; differences are taken",
        (_columns("statistic_id start state sum"), _columns("statistic_id start sum")),
        start=(("start",),),
        meter="statistic_id",
        values=(("sum", ""),),
        unit_column="unit",
        is_register=True,
        example="statistic_id,unit,start,state,sum\n"
        "sensor.main,kWh,2026-03-02 00:00:00+00:00,812.5,12.5",
    ),
    Format(
        "home-assistant-dashboard",
        "Home Assistant, download of the energy dashboard",
        "a row for each sensor and a column for each hour; what the grid delivered is taken",
        (_columns("entity_id type unit timestamp value"),),
        meter="entity_id",
        example="entity_id,type,unit,2026-03-02T05:00:00.000Z,2026-03-02T06:00:00.000Z,…\n"
        "sensor.main,grid_consumption,kWh,1.0,1.126,…",
    ),
    Format(
        "uk-half-hourly",
        "UK half-hourly, a row a day, columns by start",
        "SSE and others",
        (frozenset({"mpan", "units", "date", *_HALF_HOUR_STARTS}),),
        meter="mpan",
        unit_column="units",
        days=True,
        month_first=False,
        example="MPAN,Units,Date,00:00,00:30,…,23:30\n"
        "1200000000001,kWh,02/03/2026,1.0,1.126,…",
    ),
    Format(
        "uk-half-hourly-ends",
        "UK half-hourly, a row a day, columns by end",
        "the unit is not said: give --unit",
        (frozenset({"meter_name", "mpan", "serial", "date", *_HALF_HOUR_ENDS}),),
        meter="meter_name",
        days=True,
        month_first=False,
        example="Meter Name,MPAN,Serial,Date,00:30,01:00,…,00:00,Total\n"
        "Main,12,S1,02/03/2026,1.0,1.126,…",
    ),
    Format(
        "day-columns",
        "a row a day, with 24, 25, 48, 50, 96 or 100 columns",
        "many portals",
        (),
        days=True,
        asks="a row is a day, and its columns are times of day",
        example="Meter,Date,H1,H2,…,H24\nMain,2026-03-02,1.0,1.126,…",
    ),
    Format(
        "nem12",
        "NEM12 of the Australian market",
        "AEMO, Meter Data File Format; market time, UTC+10 all year",
        (),
        start=(("timestamp",),),
        meter="register",
        values=(("value", ""),),
        unit_column="unit",
        asks="it is NEM12, in market time (UTC+10 all year); the registers E are use, and B is export",
        example="100,NEM12,202603021632,MDPX,RETX\n"
        "200,6000000001,E1B1,E1,E1,N1,MTR1,KWH,30,\n"
        "300,20260302,1.0,1.126,…,A,,,20260303012258,",
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in FORMATS}


def recognise_format(header: Sequence[str]) -> Format | None:
    """Return the format whose columns a header has, or None."""
    keys = {key_of(cell) for cell in header}
    return next((one for one in FORMATS if any(needs <= keys for needs in one.needs)), None)
