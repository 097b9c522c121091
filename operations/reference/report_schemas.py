"""Makes the JSON Schemas of the reports from their types (lib/report_types).

`msgspec.json.schema` would do but for one thing: a part that is either this object or that one (`Forecast |
Unavailable`), which a decoder cannot tell apart and a schema can.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from msgspec import Meta

from lib.report_types.family import AssetReport, CustomerReport, ElectricalReport, MonthlyReport
from lib.report_types.portfolio import PortfolioReport
from lib.report_types.weekly import WeeklyReport

Schema = dict[str, Any]

# Name of the schema → its title and type.
REPORTS: Mapping[str, tuple[str, type]] = {
    "weekly_report": ("Weekly energy report", WeeklyReport),
    "customer_report": ("Customer report", CustomerReport),
    "asset_health": ("Asset health", AssetReport),
    "electrical_health": ("Electrical health", ElectricalReport),
    "monthly_summary": ("Monthly summary", MonthlyReport),
    "portfolio_overview": ("Portfolio overview", PortfolioReport),
}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum", "pattern": "pattern"}
_LENGTHS = {"array": ("minItems", "maxItems"), "string": ("minLength", "maxLength")}


def render_report_schemas() -> dict[str, str]:
    """Return the text of each report's schema, by its name."""
    return {name: _render(title, kind) for name, (title, kind) in REPORTS.items()}


def _render(title: str, kind: type) -> str:
    definitions: dict[str, Schema] = {}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    schema = head | _object(kind, definitions) | {"$defs": dict(sorted(definitions.items()))}
    return _text(schema, is_broken=True) + "\n"


def _text(value: Any, depth: int = 0, *, is_broken: bool = False) -> str:
    """Return a part of a schema as JSON, with a line for each key and each definition."""
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    inner = depth + is_broken
    parts = [
        f"{json.dumps(key)}: {_text(part, inner, is_broken=key in ('properties', '$defs'))}"
        for key, part in value.items()
    ]
    if not is_broken:
        return f"{{{', '.join(parts)}}}"
    indent = "\n" + "  " * inner
    return f"{{{indent}{(',' + indent).join(parts)}{chr(10)}{'  ' * depth}}}"


def schema_of(kind: Any, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a type; what has a name goes into the definitions.

    Raises
    ------
    TypeError
        When it is of a kind that no report holds yet.
    """
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if kind is Any:
        return {}
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(args[0], args[1:], definitions)
    if origin is Literal:
        return _values(args)
    if origin is list:
        return {"type": "array", "items": schema_of(args[0], definitions)}
    if origin is dict:
        values = schema_of(args[1], definitions)
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    if origin in (Union, types.UnionType):
        return _union(args, definitions)
    if is_typeddict(kind):
        return _named(kind.__name__, _object(kind, definitions), definitions)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _values([member.value for member in kind])
    raise TypeError(f"no report holds {kind} yet; tell operations/reference/report_schemas.py its schema")


def _object(kind: Any, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a dictionary with known keys; others may stand beside them."""
    keys = {name: _key(hint, definitions) for name, hint in get_type_hints(kind, include_extras=True).items()}
    required = [name for name, (_, is_required) in keys.items() if is_required]
    return {
        **({"description": " ".join(inspect.cleandoc(kind.__doc__).split())} if kind.__doc__ else {}),
        "type": "object",
        **({"required": required} if required else {}),
        "properties": {name: schema for name, (schema, _) in keys.items()},
    }


def _key(hint: Any, definitions: dict[str, Schema]) -> tuple[Schema, bool]:
    """Return the schema of a key, and whether it is asked for."""
    is_required = get_origin(hint) is not NotRequired
    return schema_of(hint if is_required else get_args(hint)[0], definitions), is_required


def _annotated(kind: Any, marks: tuple[Meta, ...], definitions: dict[str, Schema]) -> Schema:
    """Return a type's schema with its marks: a later one says more than those before; a title names a definition."""
    schema = schema_of(kind, definitions)
    for mark in marks:
        schema = schema | _limits(mark, schema) | ({"description": mark.description} if mark.description else {})
        if mark.title:
            schema = _named(mark.title, schema, definitions)
    return schema


def _limits(mark: Meta, schema: Schema) -> Schema:
    limits = {name: getattr(mark, key) for key, name in _LIMITS.items() if getattr(mark, key) is not None}
    for length, name in zip(
        (mark.min_length, mark.max_length), _LENGTHS.get(str(schema.get("type")), ()), strict=False
    ):
        if length is not None:
            limits[name] = length
    return limits


def _values(values: Sequence[Any]) -> Schema:
    return {"const": values[0]} if len(values) == 1 else {"enum": list(values)}


def _union(kinds: tuple[Any, ...], definitions: dict[str, Schema]) -> Schema:
    """Return a schema that holds for just one of the types, of which null may be one."""
    schemas = [schema_of(kind, definitions) for kind in kinds if kind is not type(None)]
    if type(None) not in kinds:
        return {"oneOf": schemas}
    (first, *others) = schemas
    if not others and "enum" in first:
        return first | {"enum": [*first["enum"], None]}
    if not others and isinstance(first.get("type"), str):
        return first | {"type": [first["type"], "null"]}
    return {"oneOf": [*schemas, {"type": "null"}]}


def _named(name: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    definitions[name] = schema
    return {"$ref": f"#/$defs/{name}"}
