"""The rules by which a file that can be read two ways is refused; each names what to give. Pure.

A wrong number is worse than none. Every rule raises a `DataError` whose last words are the options with which the same
file is read, and with them it does not raise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from config.site_file import FileMapping
from ingest.files.columns import Meaning, canonical_unit, key_of, meanings_of, names_factor, names_series, unit_in
from ingest.files.layout import Layout, is_harmless
from ingest.files.tally import Tally, Trend
from ingest.files.times import CANDIDATE_FORMATS, count_readable
from lib.errors import DataError

MIN_AGREEMENT = 0.95
_MIN_DIFFERENCES = 20
_MANY_REPEATS_RATIO = 0.4
_YEAR_S = 366 * 86_400
_DAY_S = 86_400
_MIN_REGISTER_ROWS = 8
_LONG_RECORD_ROWS = 48
_MIN_RISING_RATIO = 0.3  # of the steps of a short record
_MAX_FALLING_RATIO = 0.1  # of all changes: a counter that begins anew each day falls once in a day
_MIN_NEGATIVES = 3
_MAX_NAMED = 10  # values of a column that a refusal lists
_MIN_ODD_ROWS, _MIN_ODD_RATIO = 3, 0.02
_OTHER_UNITS = frozenset(
    {"m3", "m", "therm", "therms", "ccf", "mcf", "gal", "gallons", "kvarh", "kvar", "varh", "kvah", "kva", "l", "degc"}
)
_TIME = re.compile(r"\d:\d\d|^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")


def check_series(tally: Tally, layout: Layout, given: FileMapping, known: set[str], label: str) -> None:
    """Raise where rows of several series seem to stand in one, or where values are no use of an interval."""
    _check_names(tally, layout, known, given, label)
    _check_kinds(tally, layout, given, label)
    _check_repeats(tally, layout, given, label)
    if not layout.is_register and given.register is None:
        _check_registers(tally, layout, label)
    if not given.net:
        _check_negatives(tally, layout, known, label)


def check_dates(tally: Tally, given: FileMapping, label: str) -> None:
    """Raise where most rows have a time of day and no date."""
    if tally.dateless * 2 > tally.row_count and not given.fill_down:
        raise DataError(
            f"{label}: its date is in {tally.row_count - tally.dateless:,} of {tally.row_count:,} rows; give "
            "--fill-down if it holds for the rows below it"
        )


def check_odd_times(tally: Tally, date_format: str, given: FileMapping, label: str) -> None:
    """Raise where many rows write their dates another way, as a spreadsheet leaves them that swaps day and month."""
    odd_rows = tally.timed_rows - tally.readable[date_format]
    if given.date_format or odd_rows < max(_MIN_ODD_ROWS, _MIN_ODD_RATIO * tally.timed_rows):
        return
    texts = pd.Series(tally.odd_times.get(date_format, []), dtype=object)
    others = count_readable(texts, [name for name in CANDIDATE_FORMATS if name != date_format]) if len(texts) else None
    if not others or max(others.values()) < len(texts) / 2:
        return
    raise DataError(
        f"{label}: its dates are written in two ways; {odd_rows:,} of {tally.timed_rows:,} are as {texts.iloc[0]!r} "
        f"and the others fit {date_format}, so day and month may be swapped in some, as a spreadsheet does; export the "
        "file again and import that, or give --date-format for the rows to take"
    )


def _check_names(tally: Tally, layout: Layout, known: set[str], given: FileMapping, label: str) -> None:
    """Raise where a meter's name says that it is no use of electricity."""
    if layout.meter is None or layout.where:
        return
    others = {name: meaning for name, meaning in _others(tally.channels).items() if name not in known}
    if others:
        column = layout.header[layout.meter]
        use = [name for name in tally.channels if name not in others]
        first = next(iter(others))
        raise DataError(
            f"{label}: meter {first!r} seems to be {others[first]}; say which rows are use, such as "
            f"{_wheres(column, use, _MAX_NAMED)}"
        )


def _check_kinds(tally: Tally, layout: Layout, given: FileMapping, label: str) -> None:
    """Raise where a column that nobody has said anything of tells kinds of rows, or blocks of them, apart."""
    for place, kinds in tally.kinds.items():
        name = layout.header[place]
        if not kinds.is_open or len(kinds.texts) < 1:
            continue
        others = _others(sorted(kinds.texts))
        if others:
            use = sorted(kinds.texts - set(others))
            first = next(iter(others))
            raise DataError(
                f"{label}: column {name!r} says {first!r}, {others[first]}; say which rows are use, such as "
                f'{_wheres(name, use, _MAX_NAMED)}, or --leave-out "{name}" if it tells nothing'
            )
        _check_multiplier(name, kinds.texts, given, label)
        if is_harmless(name) or len(kinds.texts) < 2 or (_are_numbers(kinds.texts) and not names_series(name)):
            continue
        if kinds.changes == len(kinds.texts) - 1:
            raise DataError(
                f"{label}: column {name!r} changes from block to block ({', '.join(sorted(kinds.texts)[:3])} …); "
                f'give --meter "{name}" if it names the meter, {_wheres(name, sorted(kinds.texts))} for one, or '
                f'--leave-out "{name}" if it tells nothing'
            )


def _check_multiplier(column: str, texts: set[str], given: FileMapping, label: str) -> None:
    """Raise where a column tells a factor other than one, and nobody said whether the values hold it already."""
    if given.factor or not names_factor(column) or all(float(text) == 1 for text in texts if _is_number(text)):
        return
    numbers = sorted(text for text in texts if _is_number(text))
    advice = (
        f"give --factor {numbers[0]} if the values are still to be multiplied by it, or " if len(numbers) == 1 else ""
    )
    raise DataError(
        f'{label}: column {column!r} says {", ".join(numbers[:4])}; {advice}give --leave-out "{column}" if the values '
        f"hold it already{'' if advice else '; where they do not, multiply them in the file'}"
    )


def _check_repeats(tally: Tally, layout: Layout, given: FileMapping, label: str) -> None:
    """Raise where an instant comes twice with different values, more than a clock change can explain."""
    if given.keep_first or not tally.repeats:
        return
    span_s = max(tally.last_s.values(), default=0) - min(tally.first_s.values(), default=0)
    is_many = tally.repeats >= _MANY_REPEATS_RATIO * tally.row_count
    if not is_many and len(tally.repeat_hours) <= 2 + span_s // _YEAR_S:
        return
    places = [place for place, count in tally.telling.most_common() if count >= 0.9 * tally.repeats]
    places.sort(key=lambda place: is_harmless(layout.header[place]))
    if not places:
        raise DataError(
            f"{label}: {tally.repeats:,} rows name an instant twice with different values, and no column tells them "
            "apart; export the meters one by one, or give --keep-first if the first of them is right"
        )
    name = layout.header[places[0]]
    texts = sorted(tally.kinds[places[0]].texts) if places[0] in tally.kinds else []
    _check_time_is_whole(layout, places[0], tally.telling_texts.get(places[0], []), label)
    others = _others(texts)
    raise DataError(
        f"{label}: two rows for one instant, told apart by column {name!r} ({', '.join(texts[:4]) or 'see the file'}); "
        f"give {_wheres(name, [text for text in texts if text not in others])} for the rows of use, or "
        f'--meter "{name}" if it names the meter'
    )


def _check_time_is_whole(layout: Layout, place: int, texts: list[str], label: str) -> None:
    """Raise where the column that tells two rows apart is a time: the one that was taken is but a part of it."""
    name, taken = layout.header[place], [layout.header[one] for one in layout.time_positions]
    if not texts or not all(_TIME.search(text) for text in texts):
        return
    is_whole = all(re.search(r"\d[-/.]\d", text) for text in texts)
    flags = [name] if is_whole else [taken[0], name]
    raise DataError(
        f"{label}: column {taken[0]!r} names an instant for many rows, and {name!r} tells them apart; give "
        + " ".join(f'--start "{one}"' for one in flags)
    )


def _check_registers(tally: Tally, layout: Layout, label: str) -> None:
    """Raise where values of energy count up, as a register does, and a load never would."""
    rising = [place for (place, _), trend in tally.trends.items() if _is_register(trend)]
    if rising:
        names = list(dict.fromkeys(layout.header[place] for place in rising))
        raise DataError(
            f"{label}: the values of column {names[0]!r} count up, as those of a register do"
            f"{f', and {len(names) - 1} more' if len(names) > 1 else ''}; give --register to take their differences "
            f'(with --column "{names[0]}", if the others are something else), or --no-register if they are use'
        )


def _is_register(trend: Trend) -> bool:
    rises, falls = max(trend.rises, trend.falls), min(trend.rises, trend.falls)
    if rises >= 20 and falls == 1 and rises + falls >= 0.9 * (trend.count - 1):
        return True  # replaced once, or begun at zero again
    if trend.count < _MIN_REGISTER_ROWS:
        return falls == 0 and rises >= 3 and rises == trend.count - 1
    if falls == 0 and rises >= max(4, _MIN_RISING_RATIO * (trend.count - 1)):
        return True
    if trend.count < _LONG_RECORD_ROWS:
        return False
    return (falls == 0 and rises >= 4) or (rises >= 20 and falls <= _MAX_FALLING_RATIO * (rises + falls))


def _check_negatives(tally: Tally, layout: Layout, known: set[str], label: str) -> None:
    """Raise where energy is below zero again and again: export, a sign, or a fault."""
    of_number = {number: name for name, number in tally.channels.items()}
    for (_, number), trend in tally.trends.items():
        name = of_number.get(number, "")
        if trend.negatives >= _MIN_NEGATIVES and name not in known and not layout.is_register:
            raise DataError(
                f"{label}: {trend.negatives:,} values of {name!r} are below zero; give --net if they are export, and "
                'say [channels."…"] kind in the site\'s file, or correct the file if they are faults'
            )


def check_lengths(found: Counter[int], runs: Counter[int], given: FileMapping, subject: str) -> None:
    """Raise where a channel has stretches of different lengths, or another than the operator says."""
    if given.only_minutes or not found:
        return
    base, count = found.most_common(1)[0]
    others = sorted(step for step in runs if step != base and step > 0 and step <= 86_400)
    if others:
        first, second = sorted((base, others[0]))
        raise DataError(
            f"{subject}: has stretches of {first / 60:g} and of {second / 60:g} minutes; import each on its own: "
            f"--only-minutes {_minutes(base)}, and --only-minutes {_minutes(others[0])} with another --channel-name"
        )
    explicit = given.interval_minutes and given.interval_minutes * 60
    is_plain = count >= MIN_AGREEMENT * found.total() and found.total() >= _MIN_DIFFERENCES
    if explicit and found.total() > 1 and min(found) >= _DAY_S:
        raise DataError(
            f"{subject}: its times are {min(found) / _DAY_S:g} days apart or more, and no interval of {explicit // 60} "
            "minutes; export the interval data of the meter"
        )
    if explicit and is_plain and base != explicit:
        raise DataError(
            f"{subject}: its times are {base / 60:g} minutes apart, and --interval-minutes says {explicit // 60}; "
            "leave it out"
        )


def settle_stated(found: Counter[int], stated_s: int, given: FileMapping, subject: str) -> int:
    """Return the length [s] of intervals that say it themselves, by their start and end.

    Raises
    ------
    DataError
        When they begin before the one above has ended, or the operator says another length.
    """
    shorter = [step for step, count in found.items() if 0 < step < stated_s and count > _MIN_ODD_RATIO * found.total()]
    explicit = given.interval_minutes and given.interval_minutes * 60
    if not shorter and explicit and explicit != stated_s:
        raise DataError(
            f"{subject}: its rows say that they are {stated_s / 60:g} minutes long, and --interval-minutes says "
            f"{given.interval_minutes}; leave it out"
        )
    if shorter and not explicit:
        raise DataError(
            f"{subject}: its rows say that they are {stated_s / 60:g} minutes long, and begin {min(shorter) / 60:g} "
            f"minutes apart; give --interval-minutes {min(shorter) / 60:g} if that is their length"
        )
    return explicit or stated_s


def settle_label(
    tally: Tally, layout: Layout, given: FileMapping, date_format: str, interval_s: int, label: str
) -> Layout:
    """Return the layout with the times' label settled: starts, unless something says or suggests ends.

    Raises
    ------
    DataError
        When nothing says it, and the record begins as one of ends does.
    """
    if layout.is_hour and layout.is_end is not False and 0 not in tally.hours:
        if layout.is_end is None and 24 not in tally.hours:
            raise DataError(
                f"{label}: its hours have neither 0 nor 24; give --interval-end if hour 1 is 0:00 to 1:00, "
                "or --no-interval-end"
            )
        return replace(layout, is_end=False, first_hour=1)
    if layout.is_end is not None:
        return layout
    if layout.is_register:
        return replace(layout, is_end=False)
    if tally.has_24:
        raise DataError(
            f"{label}: has times of 24:00, as a record of interval ends does, and does not say it; give "
            "--interval-end, or --no-interval-end if the times are starts"
        )
    first_s = tally.first_s.get(date_format)
    if first_s is not None and first_s % _DAY_S == interval_s and not date_format.startswith("epoch"):
        raise DataError(
            f"{label}: begins {interval_s / 60:g} minutes after midnight, as a record of interval ends does, and does "
            "not say it; give --interval-end, or --no-interval-end if the times are starts"
        )
    return replace(layout, is_end=False)


def only_unit(units: set[str], column: str, given: FileMapping, label: str) -> str:
    """Return the one unit of a column of units; what the operator gives counts where the column says nothing else.

    Raises
    ------
    DataError
        When it says several, or another than is given.
    """
    said = {text: unit_in(text) for text in sorted(units) if text}
    known = {unit for unit in said.values() if unit}
    if (
        given.unit
        and len(said) <= 1
        and known <= {canonical_unit(given.unit)}
        and not _OTHER_UNITS & set(map(key_of, said))
    ):
        return given.unit
    if len(known) == 1 and all(said.values()):
        unit = known.pop()
        if given.unit and canonical_unit(given.unit) != unit:
            raise DataError(
                f"{label}: column {column!r} says {', '.join(said)}, and --unit {given.unit}; leave --unit out"
            )
        return unit
    flags = _wheres(column, [text for text, unit in said.items() if unit])
    raise DataError(
        f"{label}: its column of units says {', '.join(said) or 'nothing'}; take the rows of one with {flags}"
        + ("" if given.unit else ", or give --unit if it says one unit in words of its own")
    )


def decimal_sign(signs: Counter[str], delimiter: str, given: FileMapping, label: str) -> str:
    """Return the decimal sign of a file's numbers.

    Raises
    ------
    DataError
        When commas and dots contradict each other, or can be read two ways.
    """
    if given.decimal:
        return given.decimal
    is_comma = bool(signs["comma last"] or signs["comma alone"])
    is_dot = bool(signs["dot last"] or (signs["dot"] and not signs["comma last"]))
    if is_comma and is_dot:
        if signs["dot else"] or signs["dot last"]:
            raise DataError(
                f"{label}: its numbers use both comma and dot as the decimal sign; give --decimal . or --decimal ,"
            )
        return ","
    if signs["comma for thousands"] and not is_comma and not is_dot and not signs["comma twice"]:
        # 1,234 and nothing else: where semicolons part the cells the comma is the decimal sign.
        if delimiter == ";":
            return ","
        raise DataError(
            f"{label}: 1,234 in it may be 1234 or 1.234; give --decimal . if commas group thousands, or --decimal ,"
        )
    if delimiter == ";" and signs["dot for thousands"] and not signs["dot else"] and signs["whole"] and not is_comma:
        raise DataError(
            f"{label}: 1.234 beside whole numbers may be 1234 or 1.234; give --decimal , if dots group thousands, or "
            "--decimal ."
        )
    return "," if is_comma else "."


def _others(texts: Iterable[str]) -> dict[str, Meaning]:
    """Return those of a column's texts that say that their rows are no use, and what they are."""
    doubtful = (Meaning.EXPORT, Meaning.COMMODITY, Meaning.REACTIVE)
    return {text: meaning for text, meaning in meanings_of(texts).items() if meaning in doubtful}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _are_numbers(texts: Iterable[str]) -> bool:
    """Return whether texts are measured numbers, with decimals or below 100, or times: they name no series."""

    def is_measure(text: str) -> bool:
        if _TIME.search(text):
            return True
        try:
            return "." in text or abs(float(text)) < 100
        except ValueError:
            return False

    return all(map(is_measure, texts))


def _wheres(column: str, texts: Iterable[str], most: int = 1) -> str:
    chosen = list(texts)[:most] or ["VALUE"]
    return " ".join(f'--where "{column}={text}"' for text in chosen)


def _minutes(seconds: int) -> str:
    return f"{seconds / 60:g}"
