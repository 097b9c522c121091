"""Reads a TOML or JSON file into a strict msgspec model; a mistake is one line that names file, place and remedy.

A model is a tree of `Table` classes. What a value may be stands in its type and `Meta`; what has to hold between the
keys of one table stands in its ``__post_init__``, which raises `Refusal`.
"""

from __future__ import annotations

import difflib
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, time
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec
from msgspec import inspect

from lib.bounded_files import MAX_SETTINGS_BYTES, read_whole
from lib.errors import ConfigError, DataError
from lib.paths import PROJECT_ROOT

Place = tuple[str | int, ...]  # keys and, of a list, positions from 0
Document = dict[str, Any]
T = TypeVar("T")

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]")
_MAX_LISTED = 16  # names in one line; more of them nobody reads
_MAX_SHOWN = 60  # characters of a value that is wrong


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of a file: unknown keys are refused, and nothing changes once it is read."""


class Refusal(ValueError):
    """What is wrong with a key of a table ("" is the table itself), in words that follow its name: "should be …"."""

    def __init__(self, key: str | Place, problem: str) -> None:
        super().__init__(problem)
        self.place: Place = key if isinstance(key, tuple) else (key,) if key else ()
        self.problem = problem


def about(meaning: str, source: str = "", **limits: Any) -> msgspec.Meta:
    """Return what a key means, where its default comes from, and the limits of its value (`ge`, `le`, `gt`, …).

    `right` says what the value should be where type and limits do not say it well, `default` what holds in place of
    None, `may_be_blank` that an empty text means something.
    """
    own = ("right", "default", "may_be_blank")
    extra = {"source": source} | {name: limits.pop(name) for name in own if name in limits}
    text = f"{meaning} Source: {source}." if source else meaning
    return msgspec.Meta(description=text, extra=extra, **limits)


class Source(NamedTuple):
    """A file, the model that it is read into, and new place → where the file has it by a former name."""

    path: Path
    kind: Any
    written: Mapping[Place, Place] = MappingProxyType({})

    def refuse(self, place: Place, problem: str) -> NoReturn:
        """Raise a ConfigError about one key, as the file has it."""
        now = f" (now {render_place(place)})" if place in self.written else ""
        refuse(self.path, self.written.get(place, place), problem, now)


def read_model(path: Path, kind: type[T]) -> T:
    """Return the file `path` as the model `kind`.

    Raises
    ------
    ConfigError
        When the file cannot be read or parsed, or something in it is unknown, missing, or not as the model has it.
    """
    return convert_model(read_document(path), kind, path)


def read_document(path: Path) -> Document:
    """Return what the file `path` says, unchecked; a byte order mark and either line ending are understood."""
    try:
        text = read_whole(path, MAX_SETTINGS_BYTES).decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            found = json.loads(text, object_pairs_hook=_refuse_twice)
            if not isinstance(found, dict):
                raise ConfigError(f"{shown(path)}: should hold one JSON object; put what it says between braces")
            return found
        return tomllib.loads(text)
    except DataError as err:
        raise ConfigError(str(err)) from err
    except FileNotFoundError as err:
        raise ConfigError(f"there is no file {shown(path)}; check its name and folder") from err
    except OSError as err:
        raise ConfigError(f"cannot read {shown(path)}: {err.strerror}; let this user read the file") from err
    except UnicodeDecodeError as err:
        line = err.object.count(b"\n", 0, err.start) + 1
        raise ConfigError(f"{shown(path)}, line {line}: not UTF-8 text; save the file as UTF-8") from err
    except tomllib.TOMLDecodeError as err:
        raise ConfigError(f"{shown(path)}, {_where_broken(str(err), text)}; correct that line") from err
    except json.JSONDecodeError as err:
        if text.lstrip().startswith("<"):
            raise ConfigError(f"{shown(path)}: is a web page, not JSON; download it again") from err
        raise ConfigError(f"{shown(path)}, line {err.lineno}: {err.msg}; correct that line") from err
    except (RecursionError, ValueError) as err:
        # Brackets a thousand deep, a date that no calendar has, or a JSON key given twice.
        problem = "nested too deep" if isinstance(err, RecursionError) else str(err)
        raise ConfigError(f"{shown(path)}: {problem}; correct it") from err


def convert_model(
    document: Document, kind: type[T], path: Path, written: Mapping[Place, Place] = MappingProxyType({})
) -> T:
    """Return an unchecked document as the model `kind`; raises as `read_model` does."""
    source = Source(path, kind, written)
    cleaned = _clean(document, source, ())
    try:
        return msgspec.convert(cleaned, kind, str_keys=True)
    except msgspec.ValidationError as err:
        _explain(err, cleaned, source)


def refuse(path: Path, place: Place, problem: str, now: str = "") -> NoReturn:
    """Raise a ConfigError about one key of the file `path`."""
    raise ConfigError(f"{shown(path)}: {render_place(place)}{now} {problem}")


def shown(path: Path) -> str:
    """Return the path as the operator knows it: from the project's folder on, where it lies there."""
    return path.relative_to(PROJECT_ROOT).as_posix() if path.is_relative_to(PROJECT_ROOT) else str(path)


def render_place(place: Place) -> str:
    """Return a place as it is written, such as ``tariff.periods[2].from``; positions count from 1."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        else:
            bare = step if _BARE_KEY.fullmatch(step) else json.dumps(step, ensure_ascii=False)
            text += f".{bare}" if text else bare
    return text


# --- What a model says of a place -------------------------------------------------------------------------------------


class Known(msgspec.Struct, frozen=True):
    """What a model says of the value at one place."""

    type: inspect.Type
    meaning: str = ""
    source: str = ""
    right: str = ""
    default: Any = None  # in place of None
    may_be_blank: bool = False


@cache
def known_type(kind: Any) -> Known:
    """Return what is known of a model as a whole."""
    return _unwrap(inspect.type_info(kind))


def known_fields(known: Known) -> dict[str, tuple[Known, inspect.Field]]:
    """Return the keys of a table, as the file writes them; none where it is no table of fixed keys."""
    if not isinstance(known.type, inspect.StructType):
        return {}
    return {field.encode_name: (_unwrap(field.type), field) for field in known.type.fields}


def known_at(kind: type, place: Place) -> Known | None:
    """Return what the model says of a place; None where it knows no such place."""
    known: Known | None = known_type(kind)
    for step in place:
        if known is None:
            return None
        if isinstance(known.type, inspect.StructType):
            known = known_fields(known).get(str(step), (None,))[0]
        elif isinstance(known.type, inspect.DictType):
            known = _unwrap(known.type.value_type)
        elif isinstance(known.type, (inspect.VarTupleType, inspect.ListType)):
            known = _unwrap(known.type.item_type)
        elif isinstance(known.type, inspect.TupleType) and isinstance(step, int):
            known = _unwrap(known.type.item_types[step]) if step < len(known.type.item_types) else None
        else:
            return None
    return known


def _unwrap(found: inspect.Type) -> Known:
    """Return a type without `Metadata` and without None, with what was said of it, outermost first."""
    said: dict[str, Any] = {}
    while True:
        if isinstance(found, inspect.Metadata):
            said = {"meaning": (found.extra_json_schema or {}).get("description", "")} | (found.extra or {}) | said
            found = found.type
        elif isinstance(found, inspect.UnionType) and found.includes_none and len(found.types) == 2:
            found = next(one for one in found.types if not isinstance(one, inspect.NoneType))
        else:
            return Known(found, **said)


def describe(known: Known, place: Place = ()) -> str:
    """Return in words what a value should be: "a number from 0 to 100"."""
    if known.right:
        return known.right
    kind = known.type
    if isinstance(kind, (inspect.FloatType, inspect.IntType)):
        return _describe_number(kind)
    if isinstance(kind, (inspect.EnumType, inspect.LiteralType)):
        return "one of " + ", ".join(words_of(kind))
    if isinstance(kind, (inspect.VarTupleType, inspect.ListType)):
        item = _unwrap(kind.item_type)
        if isinstance(item.type, inspect.StructType):
            return f"a list of tables: [[{render_place(place)}]]"
        return f"a list of {kind.min_length or 'no'} or more, each {describe(item)}"
    if isinstance(kind, (inspect.StructType, inspect.DictType)):
        return f"a table: [{render_place(place)}]"
    return _WORDS.get(type(kind), "another value")


_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "a text in quotes",
    inspect.DateType: "a date such as 2026-01-31, without quotes",
    inspect.DateTimeType: "a date-time with offset such as 2026-07-14T16:00:00-05:00",
}


def words_of(kind: inspect.EnumType | inspect.LiteralType) -> list[str]:
    """Return the words that a value may be."""
    return (
        [str(member.value) for member in kind.cls]
        if isinstance(kind, inspect.EnumType)
        else list(map(str, kind.values))
    )


def _describe_number(kind: inspect.FloatType | inspect.IntType) -> str:
    noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
    low, high = kind.ge, kind.le
    if kind.gt is not None:
        return f"{noun} above {kind.gt:g}" + (f", up to {high:g}" if high is not None else "")
    if low is not None and high is not None:
        return f"{noun} from {low:g} to {high:g}"
    if low is not None and kind.lt is not None:
        return f"{noun} from {low:g}, below {kind.lt:g}"
    return noun if low is None else f"{noun} of {low:g} or more"


# --- What is wrong ----------------------------------------------------------------------------------------------------


def _clean(value: Any, source: Source, place: Place) -> Any:
    """Return a value with its texts stripped, or refuse a blank text or a number that is not finite, anywhere."""
    if isinstance(value, dict):
        return {key: _clean(item, source, (*place, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, source, (*place, n)) for n, item in enumerate(value)]
    if isinstance(value, str) and value.strip():
        known = known_at(source.kind, place) if source.path.suffix == ".toml" else None
        if known and isinstance(known.type, (inspect.DateType, inspect.DateTimeType)):
            _refuse_value(source, place, value)  # TOML has dates of its own, JSON has not
        return value.strip()
    known = known_at(source.kind, place) if value == "" else None
    if known and known.may_be_blank:
        return value
    if isinstance(value, str) or (isinstance(value, float) and not math.isfinite(value)):
        for depth, step in enumerate(place):
            if known_at(source.kind, place[: depth + 1]) is None and isinstance(step, str):
                _refuse_key(source, place[:depth], step, value if depth + 1 == len(place) else {})
        _refuse_value(source, place, value)
    return value


def _explain(err: msgspec.ValidationError, document: Document, source: Source) -> NoReturn:
    """Raise the ConfigError that says what is wrong, where, and what is right."""
    place, is_key = _locate(err, document, source)
    field = re.match(r"Object (?:contains unknown|missing required) field `(.+?)`", str(err))
    if isinstance(err.__cause__, Refusal):
        source.refuse((*place, *err.__cause__.place), err.__cause__.problem)
    if field and "missing" in str(err):
        place = (*place, field[1])
        known = known_at(source.kind, place)
        source.refuse(place, f"is missing; it should be {describe(known, place) if known else 'given'}")
    if field:
        _refuse_key(source, place, field[1], _value_at(document, place)[field[1]])
    if is_key:
        known = known_at(source.kind, place[:-1])
        assert known is not None and isinstance(known.type, inspect.DictType)
        source.refuse(place, f"should be {describe(_unwrap(known.type.key_type))}, not {shown_value(place[-1])}")
    _refuse_value(source, place, _value_at(document, place))


def _locate(err: msgspec.ValidationError, document: Document, source: Source) -> tuple[Place, bool]:
    """Return the place of an error, and whether the key there is what is wrong."""
    found = re.search(r" - at `(key` in `)?\$([^`]*)`$", str(err))
    place: Place = ()
    for name, position in _STEP.findall(found[2]) if found else ():
        is_any = position == "..."  # msgspec does not say which entry of a table of free keys
        place = (*place, name if name else _failing_key(err, document, source, place) if is_any else int(position))
    if found and found[1]:
        return (*place, _failing_key(err, document, source, place)), True
    return place, False


def _failing_key(err: msgspec.ValidationError, document: Document, source: Source, place: Place) -> str:
    """Return the key of the table at `place` which alone fails in the same way."""
    table: Document = _value_at(document, place)
    for key in table:
        try:
            msgspec.convert(_replaced(document, place, {key: table[key]}), source.kind, str_keys=True)
        except msgspec.ValidationError as alone:
            if str(alone) == str(err):
                return key
    raise AssertionError(f"no entry of {render_place(place)} fails alone: {err}")


def _value_at(document: Any, place: Place) -> Any:
    for step in place:
        document = document[step]
    return document


def _replaced(document: Any, place: Place, value: Any) -> Any:
    """Return `document` with another value at `place`."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(document, list):
        return [_replaced(item, rest, value) if n == step else item for n, item in enumerate(document)]
    return {**document, step: _replaced(document[step], rest, value)}


def _refuse_value(source: Source, place: Place, value: Any) -> NoReturn:
    known = known_at(source.kind, place)
    right = describe(known, place) if known else "left out"
    hint = ""
    if known and isinstance(known.type, (inspect.EnumType, inspect.LiteralType)) and isinstance(value, str):
        hint = did_you_mean(value, words_of(known.type))
    source.refuse(place, f"should be {right}, not {shown_value(value)}{hint and f'; {hint}'}")


def _refuse_key(source: Source, place: Place, key: str, value: Any) -> NoReturn:
    """Refuse an unknown key or table, and say which one was meant, where it belongs, or which there are."""
    known = known_at(source.kind, place)
    here = known_fields(known) if known else {}
    remedy = _elsewhere(source.kind, place, key) or did_you_mean(key, list(here), _bracket(here, place))
    if not remedy:
        remedy = f"known here: {_listed([_bracket(here, place)(name) for name in sorted(here)])}"
    is_table = isinstance(value, dict) or (isinstance(value, list) and any(isinstance(row, dict) for row in value))
    name = render_place((*place, key))
    raise ConfigError(f"{shown(source.path)}: {f'[{name}]' if is_table else name} is not known; {remedy}")


def _bracket(here: dict[str, tuple[Known, inspect.Field]], place: Place) -> Callable[[str], str]:
    """Return what writes the name of a key as the file does: tables in brackets, with their place."""
    return lambda name: f"[{render_place((*place, name))}]" if known_fields(here[name][0]) else name


def _elsewhere(kind: type, place: Place, key: str) -> str:
    """Return the tables that have a key of this name, where it is not known here."""
    tables = [f"[{render_place(where)}]" for where in _tables_with(known_type(kind), key, ()) if where != place]
    return f"it belongs under {' or '.join(tables[:3])}" if 0 < len(tables) <= 3 else ""


def _tables_with(known: Known, key: str, place: Place) -> Iterator[Place]:
    for name, (inner, _) in known_fields(known).items():
        if key in known_fields(inner):
            yield (*place, name)
        yield from _tables_with(inner, key, (*place, name))


def did_you_mean(name: str, known: Iterable[str], write: Callable[[str], str] = str) -> str:
    """Return "did you mean …?" where a known name is close, each as `write` has it; else nothing."""
    names = {one.lower(): one for one in sorted(known)}
    close = [one for one in names if len(name) > 1 and one.startswith(name.lower())][:3]
    close = close or difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.7)
    return f"did you mean {' or '.join(write(names[one]) for one in close)}?" if close else ""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return "did you mean …?", or the names there are."""
    names = sorted(known)
    return did_you_mean(name, names) or f"known: {_listed(names)}"


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more if names else "none"


def shown_value(value: Any) -> str:
    """Return a value as TOML writes it, on one line and no longer than anybody reads."""
    if isinstance(value, bool):
        return str(value).lower()
    text = value.isoformat() if isinstance(value, (date, time)) else repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _where_broken(message: str, text: str) -> str:
    """Return the parser's message with the line in front."""
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    if found is None:
        return f"somewhere: {message}"
    line = found[2] or str(max(1, len(text.splitlines())))
    return f"line {line}: {' '.join(found[1].split())}"


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{twice[0]} stands there twice")
    return dict(pairs)
