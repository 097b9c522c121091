"""Writes the result of a query as CSV, Parquet or Hyper, row by row: memory stays flat however many there are.

The rows leave the server by COPY. Parquet and Hyper are optional extras (``requirements-extras.txt``); they take the
same rows through a temporary CSV file, whose column types come from the query itself.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib import db
from lib.errors import ConfigError, PipelineError
from lib.paths import check_file, open_atomically

if TYPE_CHECKING:
    import pyarrow
    from psycopg2.extensions import connection as Connection

# A spreadsheet runs a cell that begins so as a formula (OWASP, "CSV Injection"); an apostrophe before it makes it text.
FORMULA_START = r"^(\s*[=+@-])"
NO_MATCH = "(?!)"  # typed files run nothing, so their names stay as they are
INSTALL_EXTRAS = "python -m pip install -r requirements-extras.txt"

# PostgreSQL's type numbers (pg_type.oid, fixed for built-in types) of the columns that exports have. Hyper has no
# 32-bit floats, so a real (700) becomes a double too.
_ARROW_TYPES = {16: "bool", 20: "int64", 23: "int32", 25: "string", 700: "double", 701: "double", 1082: "date32"}
_TIMESTAMP_OID = 1114


def write_csv(conn: Connection, query: str, params: dict[str, Any], path: Path) -> None:
    """Write the rows with a header line; NULL is an empty cell. The file appears whole or not at all."""
    with open_atomically(path) as handle:
        db.copy_out(conn, query, params | {"formula": FORMULA_START}, handle, header=True)


def write_parquet(conn: Connection, query: str, params: dict[str, Any], path: Path) -> None:
    """Write the rows as one Parquet file.

    Raises
    ------
    ConfigError
        When pyarrow is not installed.
    """
    parquet = require_parquet()
    with (
        _open_rows(conn, query, params) as reader,
        open_atomically(path) as handle,
        parquet.ParquetWriter(handle, reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)


def write_hyper(conn: Connection, query: str, params: dict[str, Any], path: Path) -> None:
    """Write the rows as one Hyper extract with a table named like the file.

    Raises
    ------
    ConfigError
        When pantab is not installed.
    """
    pantab = require_hyper()
    path = check_file(path).resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            _open_rows(conn, query, params) as reader,
            tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder,
        ):
            pantab.frame_to_hyper(reader, Path(folder) / path.name, table=path.stem)
            (Path(folder) / path.name).replace(path)
    except OSError as err:
        raise PipelineError(f"cannot write {path}: {err.strerror or err}; choose another place") from err


def stored_site(path: Path) -> int | None:
    """Return the site of the first row of a file that `path` names, in any of the formats; None where there is none."""
    if not path.exists():
        return None
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as handle:
            first = str(next(csv.DictReader(handle), {}).get("site_id"))
        return int(first) if first.isdecimal() else None
    if path.suffix == ".parquet":
        table = require_parquet().read_table(path, columns=["site_id"])
    else:
        table = require_hyper().frame_from_hyper(path, table=path.stem, return_type="pyarrow")
    sites = table.column("site_id")
    return int(sites[0].as_py()) if len(sites) else None


def require_parquet() -> Any:
    """Return ``pyarrow.parquet``, or raise a ConfigError that says how to install it."""
    try:
        from pyarrow import parquet
    except ImportError as err:
        raise ConfigError(f"--format parquet needs pyarrow, which is not installed; run: {INSTALL_EXTRAS}") from err
    return parquet


def require_hyper() -> Any:
    """Return pantab, or raise a ConfigError that says how to install it."""
    try:
        import pantab
        import pyarrow  # noqa: F401  (pantab takes the rows from it)
    except ImportError as err:
        raise ConfigError(f"--format hyper needs pantab, which is not installed; run: {INSTALL_EXTRAS}") from err
    return pantab


@contextmanager
def _open_rows(conn: Connection, query: str, params: dict[str, Any]) -> Iterator[pyarrow.RecordBatchReader]:
    """Yield the rows as a stream of record batches, typed as the query types them."""
    import pyarrow.csv

    params = params | {"formula": NO_MATCH}
    types = {
        name: pyarrow.timestamp("us") if oid == _TIMESTAMP_OID else pyarrow.type_for_alias(_ARROW_TYPES[oid])
        for name, oid in db.column_types(conn, query, params).items()
    }
    with tempfile.TemporaryFile() as rows:
        db.copy_out(conn, query, params, rows, header=True)
        rows.seek(0)
        yield pyarrow.csv.open_csv(
            rows,
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        )
