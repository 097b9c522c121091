"""Reads a rate of OpenEI's Utility Rate Database as it is downloaded, and tells what of it is not billed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec

from config.strict_toml import Document, Refusal, convert_model, refuse, shown
from config.tariff_file import TariffFile
from config.urdb import ExportWord, UrdbTable, amount_of
from lib.errors import ConfigError, UsageError

_BILLED = frozenset(field.name for field in msgspec.structs.fields(UrdbTable))
_STRUCTURES = ("energyratestructure", "demandratestructure", "flatdemandstructure", "coincidentratestructure")
_TIER_KEYS = frozenset({"max", "rate", "adj", "unit", "sell"})
# Beyond any month's energy or demand: how some rates write that the last tier has no end.
_NO_END = 1e9
_MAX_NAME = 60
_MAX_TEXT = 240
_MAX_LISTED = 20

# What tells of the rate, and not what is paid.
_OF_THE_RATE = frozenset({
    "label", "uri", "name", "utility", "eiaid", "startdate", "enddate", "latest_update", "revisions", "source",
    "sourceparent", "sector", "country", "supersedes", "is_default", "approved", "demandunits", "version",
})  # fmt: skip
_TEXTS = ("description", "basicinformationcomments", "energycomments", "demandcomments")
_ATTRIBUTES = ("energyattrs", "demandattrs", "fixedattrs", "attrs")
_FUEL = ("fueladjustmentsmonthly", "energyfueladjustments")
_EXPORT_RULES = get_args(ExportWord)
_ALWAYS = [[0] * 24] * 12
_DEMAND_UNITS = {
    "demandrateunit": ("demandratestructure",),
    "flatdemandunit": ("flatdemandstructure",),
    "coincidentrateunit": ("coincidentratestructure",),
    "demandunits": ("demandratestructure", "flatdemandstructure"),
}
_SIZE = "says which customers the rate is for; compare it with the site"
_NOT_BILLED = {
    **dict.fromkeys(("peakkwcapacitymin", "peakkwcapacitymax", "peakkwcapacityhistory"), _SIZE),
    **dict.fromkeys(("peakkwhusagemin", "peakkwhusagemax", "peakkwhusagehistory"), _SIZE),
    **dict.fromkeys(("voltageminimum", "voltagemaximum", "voltagecategory", "phasewiring"), _SIZE),
    "fixedchargeeaaddl": "is the charge of each further meter; one meter is billed",
}


class NotKept(NamedTuple):
    """A key of the rate that the tariff file does not have, or only in part, and why."""

    key: str
    reason: str


class Imported(NamedTuple):
    """A tariff file, and what of the rate it does not hold."""

    name: str
    tariff: TariffFile
    not_kept: list[NotKept]


def choose_item(document: Document, label: str | None, path: Path) -> Document:
    """Return the rate that `document` holds: the one item of an answer, the one of `label`, or the document itself.

    Raises
    ------
    ConfigError
        When there is none.
    UsageError
        When there are several, and `label` does not choose among them.
    """
    said = document.get("error") or document.get("errors")
    items = document.get("items", [] if said else [document])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items) or not items:
        problem = f"holds no rate{f' but {_shown_text(said)}' if said else ''}; download it again, with detail=full"
        raise ConfigError(f"{shown(path)}: {problem}")
    chosen = items if label is None else [item for item in items if item.get("label") == label]
    if len(chosen) == 1:
        return dict(chosen[0])
    if len(chosen) > 1 and label is not None:
        problem = f"holds {len(chosen)} rates of the label {label}; keep the one that holds now"
        raise ConfigError(f"{shown(path)}: {problem}")
    listed = [f"{item.get('label')} ({_title(item)}, from {_day(item.get('startdate')) or 'open'})" for item in items]
    more = f" and {len(listed) - _MAX_LISTED} more" if len(listed) > _MAX_LISTED else ""
    count = f"{len(items)} rate{'' if len(items) == 1 else 's'}"
    lacking = "" if label is None else f", none of the label {label}"
    raise UsageError(f"{shown(path)} holds {count}{lacking}; give --item: {'; '.join(listed[:_MAX_LISTED])}{more}")


def import_rate(item: Document, path: Path, currency: str | None = None, today: date | None = None) -> Imported:
    """Return the tariff that a rate of the database means.

    Parameters
    ----------
    item
        As the API gives it with detail=full; dates are seconds since 1970.
    path
        Of the file, for messages.
    currency
        Of its amounts; None takes US dollars for a rate of the United States.
    today
        For the note that the rate has ended.

    Raises
    ------
    ConfigError
        When something is missing or malformed, or would make the bill wrong, with the key and what is right.
    """
    item = {key: value for key, value in item.items() if value not in (None, "")}
    if "energyratestructure" not in item:
        refuse(path, ("energyratestructure",), "is missing; download the rate again, with detail=full")
    _refuse_wrong_bills(item, path)
    not_kept = list(_list_not_kept(item, today))
    billed = _billed(item)
    for key in _STRUCTURES:
        if key in billed:
            billed[key], lost = _clean_structure(key, billed[key], path)
            not_kept += lost
    urdb = convert_model(_plain(billed), UrdbTable, path)
    not_kept += _list_in_part(urdb)
    try:
        tariff = TariffFile(
            currency=currency or _currency(item, path),
            source=_source(item),
            valid_from=_day(item.get("startdate")),
            valid_to=_day(item.get("enddate")),
            energy=urdb.to_energy(),
            demand=urdb.to_demand(),
            fixed=urdb.to_fixed(),
            export=urdb.to_export() if _is_export_known(item) else None,
        )
    except Refusal as err:
        refuse(path, err.place, err.problem)
    return Imported(name_of(f"{item.get('utility', '')} {item.get('name', '')}"), tariff, not_kept)


def name_of(title: str) -> str:
    """Return a name for a file, such as ``acme_power_gs_2_tou``."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower())[:_MAX_NAME].strip("_") or "imported"


def _title(item: Mapping[str, Any]) -> str:
    return ", ".join(str(item[key]) for key in ("utility", "name") if item.get(key)) or "without a name"


def _source(item: Document) -> str:
    parts = [
        _title(item),
        f"URDB {item['label']}" if item.get("label") else "URDB",
        item.get("uri"),
        item.get("source"),
    ]
    return "; ".join(" ".join(str(part).split()) for part in parts if part)


def _currency(item: Document, path: Path) -> str:
    country = str(item.get("country", "USA"))
    if country not in ("USA", "US", "United States"):
        refuse(path, ("country",), f"is {_shown_text(country)}, whose currency is not known; give --currency")
    return "USD"


def _day(value: Any) -> date | None:
    """Return the day of a date as the database has it: seconds since 1970, or a text that begins with the day."""
    try:
        if isinstance(value, str | date) and re.match(r"\d{4}-\d\d-\d\d", str(value)):
            return date.fromisoformat(str(value)[:10])
        return datetime.fromtimestamp(float(value), UTC).date()
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _refuse_wrong_bills(item: Document, path: Path) -> None:
    """Refuse what is paid and cannot be billed."""
    for key in _FUEL:
        if _any_amount(item.get(key)):
            refuse(path, (key,), "is not billed; add the amounts to `adj` of the energy tiers and take it out")
    for key, structures in _DEMAND_UNITS.items():
        if str(item.get(key, "kW")).casefold() == "kw" or not any(_any_amount(item.get(name)) for name in structures):
            item.pop(key, None)
        else:
            refuse(path, (key,), f"is {item[key]!r}; demand is billed in kW of the month's highest only")
    for key in ("startdate", "enddate"):
        if key in item and _day(item[key]) is None:
            refuse(path, (key,), f"should be seconds since 1970, not {item[key]!r}")
    first, last = (_day(item.get(key)) for key in ("startdate", "enddate"))
    if first and last and last < first:
        refuse(path, ("enddate",), f"should be {first} or later, as startdate says, not {last}")


def _billed(item: Document) -> Document:
    """Return what is paid, without what costs nothing at any time and what a schedule need not say."""
    billed = {key: item[key] for key in sorted(_BILLED & set(item))}
    if "coincidentschedule" in item:
        billed.setdefault("coincidentrateschedule", item["coincidentschedule"])
    for key in _STRUCTURES[1:]:
        if not _any_amount(billed.get(key)):
            billed.pop(key, None)
    for amount, unit in (("fixedchargefirstmeter", "fixedchargeunits"), ("mincharge", "minchargeunits")):
        if not _any_amount(billed.get(amount)):
            billed.pop(unit, None)
    if billed.get("dgrules") not in _EXPORT_RULES:
        billed.pop("dgrules", None)
    schedules = ("energyweekdayschedule", "energyweekendschedule")
    periods = item["energyratestructure"]
    if isinstance(periods, list) and len(periods) == 1 and not any(key in billed for key in schedules):
        billed |= dict.fromkeys(schedules, _ALWAYS)
    return billed


def _is_export_known(item: Document) -> bool:
    """Return whether the rule of export is one of the database's, left to the sell rates, or net metering besides."""
    return item.get("dgrules", _EXPORT_RULES[0]) in _EXPORT_RULES or bool(item.get("usenetmetering"))


def _any_amount(value: Any) -> bool:
    """Return whether a list, a list of tiers or a table has any amount but 0, or what may be one, such as "0.01"."""
    if isinstance(value, dict):
        return any(_any_amount(own) for key, own in value.items() if key not in ("max", "unit"))
    if isinstance(value, list):
        return any(map(_any_amount, value))
    return value not in (None, 0, "")


def _clean_structure(key: str, structure: Any, path: Path) -> tuple[Any, list[NotKept]]:
    """Return periods of tiers without what no bill needs: ends of last tiers, and keys that are not known."""
    if not isinstance(structure, list) or not all(isinstance(own, list) for own in structure):
        return structure, []  # the model says what is right
    lost, cleaned = [], []
    for number, own in enumerate(structure, 1):
        tiers = [
            {name: value for name, value in tier.items() if name in _TIER_KEYS and value is not None}
            if isinstance(tier, dict)
            else tier
            for tier in own
        ]
        unknown = {name for tier in own if isinstance(tier, dict) for name in set(tier) - _TIER_KEYS}
        lost += [NotKept(f"{key}[{number}].{name}", "is not known") for name in sorted(unknown)]
        end = tiers[-1].pop("max", math.inf) if tiers and isinstance(tiers[-1], dict) else math.inf
        if not _is_no_end(end):
            shown_end = f"{end:g}" if isinstance(end, int | float) else json.dumps(end, default=str)
            lost.append(
                NotKept(f"{key}[{number}].max", f"ends the last tier at {shown_end}; more is billed at its rate")
            )
        if key == "energyratestructure" and len({tier.get("sell", 0) for tier in tiers if isinstance(tier, dict)}) > 1:
            refuse(
                path, (key, number - 1, "sell"), "differs between the tiers; export is credited at one rate a period"
            )
        cleaned.append(tiers)
    return cleaned, lost


def _is_no_end(end: Any) -> bool:
    """Return whether the end of a last tier, which may be a text, is none: left out, or beyond any month's."""
    try:
        return end is None or float(end) >= _NO_END
    except (TypeError, ValueError):
        return False


def _plain(billed: Document) -> Document:
    """Return the keys in the types of the model: whole numbers where the database has 15.0 or true."""
    plain = {key: value for key, value in billed.items() if value is not None}
    for key in ("lookbackmonths", "flatdemandmonths", *(key for key in plain if key.endswith("schedule"))):
        if key in plain:
            plain[key] = _whole(plain[key])
    if "fixedchargefirstmeter" in plain and plain.get("fixedmonthlycharge") in (0, plain["fixedchargefirstmeter"]):
        del plain["fixedmonthlycharge"]  # the former name of the same charge
    for key in ("demandwindow", "lookbackrange"):
        if isinstance(plain.get(key), float) and plain[key].is_integer():
            plain[key] = int(plain[key])
    if not plain.get("demandwindow", 1):
        del plain["demandwindow"]
    return plain


def _whole(value: Any) -> Any:
    """Return a list, of lists, with whole numbers where it has 1.0 or true."""
    if isinstance(value, list):
        return [_whole(own) for own in value]
    return int(value) if isinstance(value, bool) or (isinstance(value, float) and value.is_integer()) else value


def _list_not_kept(item: Document, today: date | None) -> Iterator[NotKept]:
    """Yield what is no part of a bill here, with its reason."""
    for key in sorted(set(item) - _BILLED - _OF_THE_RATE):
        value = item[key]
        if key in _TEXTS:
            yield NotKept(key, f"is text, which is not billed: {_shown_text(value)}")
        elif key in _ATTRIBUTES:
            yield from (NotKept(key, f"is text, which is not billed: {text}") for text in _attributes(value))
        elif key == "servicetype":
            if value != "Bundled":
                yield NotKept(key, f"is {value}: this is a part of what the site pays; the rest is another rate")
        elif key in _NOT_BILLED:
            yield NotKept(key, f"({_shown_text(value)}) {_NOT_BILLED[key]}")
        elif key != "coincidentschedule" and key not in _FUEL:
            yield NotKept(key, f"({_shown_text(value)}) is not known")
    if item.get("dgrules", _EXPORT_RULES[0]) not in _EXPORT_RULES:
        yield NotKept("dgrules", f"({_shown_text(item['dgrules'])}) is not known; {_export_besides(item)}")
    ended = _day(item.get("enddate"))
    if ended is not None and today is not None and ended < today:
        yield NotKept("enddate", f"is {ended}: the rate has ended; look for the one that supersedes it")
    if item.get("approved") is False:
        yield NotKept("approved", "is false: nobody has checked the rate; compare it with the utility's sheet")


def _export_besides(item: Document) -> str:
    """Return how export is credited whose rule is not known."""
    if _is_export_known(item):
        return "export is credited by net metering, as usenetmetering says"
    if _any_sell(item["energyratestructure"]):
        return "export earns nothing; write [export] into the tariff's file if the sheet pays the sell rates"
    return "export earns nothing"


def _any_sell(structure: Any) -> bool:
    tiers = [tier for own in structure if isinstance(own, list) for tier in own] if isinstance(structure, list) else []
    return any(isinstance(tier, dict) and tier.get("sell") for tier in tiers)


def _attributes(value: Any) -> list[str]:
    """Return the attributes, each a text; the database has them as a list of tables of one key."""
    if isinstance(value, list):
        return [text for own in value for text in _attributes(own)]
    if isinstance(value, dict):
        return [f"{key}: {_shown_text(own)}" for key, own in value.items()]
    return [_shown_text(value)]


def _shown_text(value: Any) -> str:
    text = " ".join((value if isinstance(value, str) else json.dumps(value, default=str)).split())
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _list_in_part(urdb: UrdbTable) -> Iterator[NotKept]:
    """Yield what the tariff file has, and cannot bill without more."""
    if any(charge.system_peaks is not None for charge in urdb.to_demand().charges):
        reason = "is billed at the utility's peaks, which it announces; write their moments into system_peaks"
        yield NotKept("coincidentratestructure", reason)
    if urdb.demandreactivepowercharge:
        yield NotKept("demandreactivepowercharge", "is billed where reactive demand is metered")
    if not any(amount_of(tier) for own in urdb.energyratestructure for tier in own):
        yield NotKept("energyratestructure", "has no price at any time; compare it with the utility's sheet")
    is_net_metered = urdb.usenetmetering or urdb.dgrules == "Net Metering"
    if is_net_metered and any(tier.sell for own in urdb.energyratestructure for tier in own):
        reason = "has sell rates, which net metering does not pay; what is left over is carried on to later months"
        yield NotKept("energyratestructure", reason)
    if urdb.dgrules == "Buy All Sell All":
        yield NotKept(
            "dgrules", "is Buy All Sell All, which needs a meter of its own for the generation; no export is credited"
        )
    if urdb.dgrules == "Net Billing Hourly":
        yield NotKept("dgrules", "is Net Billing Hourly; import and export are told apart interval by interval")
    if _ends_differ(urdb):
        reason = "has tiers that end elsewhere in hours of the same month; the month's kWh fill each of them"
        yield NotKept("energyratestructure", f'{reason}, or, with tier_basis = "period", the hours\' own')
    if urdb.energyweekdayschedule != urdb.energyweekendschedule:
        yield NotKept("holidays", "are not in the database; those of the site have the hours of its weekends")


def _ends_differ(urdb: UrdbTable) -> bool:
    """Return whether periods of the same month have tiers that end elsewhere."""
    ends = [[tier.max for tier in own] for own in urdb.energyratestructure]
    rows = zip(urdb.energyweekdayschedule, urdb.energyweekendschedule, strict=True)
    return any(ends[period] != ends[weekday[0]] for weekday, weekend in rows for period in (*weekday, *weekend))
