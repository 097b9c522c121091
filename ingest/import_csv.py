"""Import interval files of a site that the Eniscope service does not know: CSV, Excel, ZIP, NEM12, Green Button XML.

A file is recognised (--list-formats), or its header says what its columns are, or you say it: here, or for files that
come again and again under [files.NAME] in the site's file (--mapping NAME). What can be read two ways is refused, and
the message names the option to give. --check shows what each column is taken for, and the first readings.

Times without an offset are the site's wall clock; the order of the rows tells apart the two passes of the hour that a
clock change repeats. What cannot be stored goes into a file of rejects that names line, reason and fix; correct it and
import it again: what is stored stays as it is.

Where one meter's energy is part of another's, say so with --parent, once: else the site's total counts it twice.

Stage: ingest
Reads: the files, config/sites/<id>.toml ([files], [ingest], [channels])
Writes: organizations, channels, readings, ingestion_logs, rejected_readings; FILE.rejects.csv
Safe to re-run: yes; importing a file again repeats nothing

Examples:
  python ingest/import_csv.py --site 900001 --site-name "Bakery" --timezone America/Chicago meters.csv
  python ingest/import_csv.py --site 900001 --parent "Oven=Main" --parent "Lights=Main" meters.csv
  python ingest/import_csv.py --site 900001 --unit kWh --interval-end export-2025.csv.gz export-2026.csv.gz
  python ingest/import_csv.py --site 900002 --timezone America/New_York green_button.xml
  python ingest/import_csv.py --site 900003 --timezone Europe/London --check --format day-columns --unit kWh hh.csv
  python ingest/import_csv.py --site 900004 --sheet Meters --start Datum --start Zeit --column "Bezug (kWh)" portal.xlsx
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import FileMapping
from ingest.files.meter_parents import check_is_of_files, check_parents, find_unnamed_main, parse_parents
from lib import cli, db
from lib.clocks import read_clock
from lib.date_utils import parse_timezone
from lib.errors import EXIT_DONE, EXIT_FAILED, UsageError
from lib.logs import setup_logging
from lib.paths import check_file

if TYPE_CHECKING:
    from ingest.files.reject_file import RejectFile
    from ingest.files.source import FileSource
    from ingest.runs.load_file import FileSite, ImportSummary

logger = logging.getLogger(__name__)

UNIT_NAMES = ("Wh", "kWh", "MWh", "W", "kW", "MW")
_SHOWN_READINGS = 3  # of each channel, with --check


def is_own_rejects(path: Path) -> bool:
    """Return whether a file is one of rejects, which another import may replace or remove."""
    from ingest.files.reject_file import is_reject_file

    return is_reject_file(path)


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    add = parser.add_argument
    add("files", nargs="*", type=cli.input_file, metavar="FILE", help="CSV, Excel, Green Button XML; plain, gzip, ZIP")
    add("--list-formats", action="store_true", help="only list the formats that are known by name")
    add("--site-name", metavar="NAME", help="name of the site (default: as it is stored)")
    add("--timezone", metavar="ZONE", help="IANA zone of the site; needed once, for a new site")
    add("--mapping", metavar="NAME", help="read the files as [files.NAME] of the site's file says")
    add_mapping_arguments(parser)
    add(
        "--parent",
        action="append",
        default=[],
        metavar="CHANNEL=MAIN",
        help="the channel's energy is part of MAIN's; may repeat, is kept, and CHANNEL= takes it back",
    )
    add("--latitude", type=float, metavar="DEG", help="of the site, degrees north: for the weather")
    add("--longitude", type=float, metavar="DEG", help="of the site, degrees east")
    add(
        "--rejects",
        type=cli.output_file(is_own_rejects),
        metavar="FILE",
        help="where rejects go (default: beside the first file)",
    )
    add("--check", action="store_true", help="only say what would be imported; needs no database")
    return parser


def add_mapping_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be said of a file; each is a key of [files.NAME] too."""
    either = argparse.BooleanOptionalAction
    group = parser.add_argument_group("what a file does not say itself")
    add = group.add_argument
    add("--format", metavar="NAME", help="one of --list-formats (default: recognised by its header)")
    add("--sheet", metavar="NAME", help="sheet of a workbook")
    add("--member", metavar="NAME", help="file within a ZIP")
    add("--table", type=cli.positive_int, metavar="N", help="which of several tables one below the other, from 1")
    add("--start", action="append", metavar="COLUMN", help="column of the starts; twice for date and time of day")
    add("--end", action="append", metavar="COLUMN", help="column of the ends; twice for date and time of day")
    add("--interval-end", action=either, help="the times are the intervals' ends (default: as the header says)")
    add("--interval-minutes", type=cli.positive_int, metavar="N", help="length of an interval (default: established)")
    add(
        "--only-minutes",
        type=cli.positive_int,
        metavar="N",
        help="of a file of two lengths, only intervals of this one",
    )
    add("--clock", metavar="ZONE", help="IANA zone of the files' times, if another: Etc/GMT+8 is UTC−8 all year")
    add("--date-format", metavar="FORMAT", help="such as '%%d/%%m/%%Y %%H:%%M', where the file does not tell")
    add("--ends-by-start", action="store_true", help="in the repeated hour ends are start + interval: 1:45, 2:00, 1:15")
    add("--counted-hours", action="store_true", help="hours are numbered from midnight: to 25 and 23 on clock changes")
    add("--meter", metavar="COLUMN", help="column that names the meter of each row")
    add("--channel-name", metavar="NAME", help="name of the channel in a file of one meter (default: the file's)")
    add("--column", action="append", metavar="NAME", help="only this column of values; may repeat")
    add("--unit", choices=UNIT_NAMES, help="unit of the values where the header says none")
    add("--factor", type=float, metavar="N", help="multiply the values by it, as by a meter's multiplier")
    add("--fill-down", action="store_true", help="the date is only in the first row of a day")
    add("--where", action="append", metavar="COLUMN=VALUE", help="only rows that say this; may repeat")
    add("--leave-out", action="append", metavar="COLUMN", help="a column that tells nothing; may repeat")
    add("--decimal", choices=(".", ","), help="decimal sign, where the values leave it open")
    add("--register", action=either, help="the values count up: take their differences")
    add("--rollover", type=float, metavar="VALUE", help="what a register counts to before it begins at zero")
    add("--net", action="store_true", help="energy below zero is export, and stored as it is")
    add("--keep-first", action="store_true", help="of two values for one interval the first is right")
    add("--point", action="append", metavar="NAME", help="Green Button: a usage point of this site, or all; may repeat")
    add("--types-by-order", action="store_true", help="Green Button: each block is of the ReadingType above it")
    add("--series", action="append", metavar="LINK=CHANNEL", help="Green Button: a series to take; may repeat")


def mapping_of(args: argparse.Namespace) -> FileMapping:
    """Return what the operator says of the files: the mapping of the site's file, and the command line above it.

    Raises
    ------
    UsageError
        When the site's file has no such mapping, or an option contradicts another.
    """
    import msgspec

    from config.site_file import read_site

    base = FileMapping()
    if args.mapping:
        mappings = read_site(args.site).file.files
        if args.mapping not in mappings:
            names = ", ".join(mappings) or "none"
            raise UsageError(f"config/sites/{args.site}.toml has no [files.{args.mapping}]; it has {names}")
        base = mappings[args.mapping]
    plural = {"column": "columns", "point": "points"}
    said = {}
    for name in (*FileMapping.__struct_fields__, *plural):
        value = getattr(args, name, None)
        if value not in (None, False, []) or (value is False and name in ("interval_end", "register")):
            said[plural.get(name, name)] = tuple(value) if isinstance(value, list) else value
    for first, second in (("start", "end"), ("end", "start")):
        if first in said and second not in said:
            said[second] = ()
    try:
        return msgspec.convert(msgspec.to_builtins(base) | msgspec.to_builtins(said), FileMapping)
    except msgspec.ValidationError as err:
        raise UsageError(
            f"the mapping cannot be used ({err}); correct the option, or [files] in the site's file"
        ) from err


def check_arguments(args: argparse.Namespace) -> None:
    """Raise a UsageError for arguments that cannot be meant, and set where rejects go where nothing is given."""
    if not args.files:
        raise UsageError("no file is named; name the files to import, or give --list-formats")
    for zone in (args.timezone, args.clock):
        if zone:
            parse_timezone(zone)
    if (args.latitude is None) != (args.longitude is None):
        raise UsageError("--latitude and --longitude go together; give both, or none")
    if args.latitude is not None and not (abs(args.latitude) <= 90 and abs(args.longitude) <= 180):
        raise UsageError("--latitude should lie between -90 and 90, --longitude between -180 and 180")
    if not args.rejects:
        args.rejects = check_file(args.files[0].with_name(f"{args.files[0].name}.rejects.csv"), is_own_rejects)
    if any(is_same_file(args.rejects, path) for path in args.files):
        raise UsageError(f"{args.rejects} is one of the files to import; choose another --rejects")
    if args.date_format:
        check_date_format(args.date_format)
    parse_parents(args.parent)
    if args.check and not args.timezone:
        raise UsageError("--check asks no database for the time zone; give --timezone")


def is_same_file(first: Path, second: Path) -> bool:
    """Return whether two paths lead to one file, links followed."""
    return first.resolve() == second.resolve()


def check_date_format(date_format: str) -> None:
    """Raise a UsageError for a format that `strptime` does not know."""
    try:
        datetime.strptime("", date_format)  # noqa: DTZ007  (nothing is read)
    except ValueError as err:
        if "does not match" not in str(err):
            raise UsageError(f"--date-format {date_format!r}: {err}; such as '%d/%m/%Y %H:%M'") from err


def print_formats() -> None:
    """Print the formats that are known by name, with an example of each."""
    from ingest.files.formats import FORMATS

    for one in FORMATS:
        print(f"{one.name}: {one.title} ({one.source})" + (f"; asks for --format: {one.asks}" if one.asks else ""))
        for line in one.example.splitlines():
            print(f"    {line}")
    print("green-button: Green Button XML (ESPI), recognised by its content")


def survey_files(args: argparse.Namespace, given: FileMapping) -> list[FileSource]:
    """Return the files, each read once; the first that cannot be used ends the import before anything is stored."""
    from config.site_file import read_site
    from ingest.files.source import open_source

    known = frozenset(key.strip() for key in read_site(args.site).file.channels)
    sources = [open_source(path, given, known) for path in args.files]
    for source in sources:
        for note in source.notes:
            logger.info("%s: %s", source.name, note)
    return sources


def import_files(
    args: argparse.Namespace, given: FileMapping, site: FileSite, sources: list[FileSource], rejects: RejectFile
) -> ImportSummary:
    """Register the site and store what the files hold, or with --check only count it."""
    from config.site_file import read_site
    from ingest.runs.load_file import (
        ImportSummary,
        check_offset,
        count_source,
        find_exporting,
        load_source,
        register_file_site,
        resolve_site,
    )
    from ingest.storage.lease import site_lease
    from lib.site_channels import load_names

    channels = sorted({channel for source in sources for channel in source.channels})
    summary = ImportSummary(site.site_id, len(channels))
    parents = parse_parents(args.parent)
    if args.check:
        check_parents(args.site, parents, channels)
        said = read_site(site.site_id)
        summary.feeding_in |= set(channels) if given.net else find_exporting(said.file.channels, channels)
        for source in sources:
            check_offset(source, parse_timezone(args.timezone), args.site)
            source.check_clock(parse_timezone(given.clock or args.timezone))
            print_columns(source)
            clock = parse_timezone(given.clock or args.timezone)
            count_source(source, clock, rejects, said.file.ingest, summary, _SHOWN_READINGS)
        return summary
    said = read_site(site.site_id)
    summary.feeding_in |= set(channels) if given.net else find_exporting(said.file.channels, channels)
    settings = load_settings()
    database_url = settings.require_database_url("ingest")
    with site_lease(database_url, args.site, "import_csv", settings.lease_s), db.connect(database_url) as conn:
        check_is_of_files(conn, args.site, parents)
        site = resolve_site(conn, site)
        for source in sources:
            check_offset(source, parse_timezone(str(site.timezone)), args.site)
            source.check_clock(parse_timezone(given.clock or str(site.timezone)))
        read_clock(conn)  # refuse before anything is logged
        run_id = register_file_site(conn, site, channels, parents)
        clock = parse_timezone(given.clock or str(site.timezone))
        limits = said.ingest_limits(load_names(conn, site.site_id))
        for source in sources:
            load_source(conn, run_id, site, source, clock, rejects, limits, summary)
        summary.unnamed_main = find_unnamed_main(conn, args.site)
    return summary


def print_columns(source: FileSource) -> None:
    """Print what each column of a file was taken for."""
    print(f"{source.name}:")
    for column in source.columns:
        print(f"  {column.name!r}: {column.role}")


def print_summary(summary: ImportSummary, rejects: RejectFile, is_check: bool) -> None:
    """Print what the import did, one line for the site and one for each kind of trouble."""
    filled = f", {summary.filled:,} of them filled" if summary.filled else ""
    stored = f"{summary.inserted:,} new, {summary.duplicate:,} already there{filled}"
    if is_check:
        stored = "checked only, nothing stored"
    print(
        f"site {summary.site_id}: {summary.channels} channels, {summary.read:,} readings in the files, {stored}; "
        f"{summary.empty:,} empty, {sum(rejects.counts.values()):,} rejects"
    )
    for reason, count in sorted(rejects.counts.items()):
        print(f"  {count:,} {reason}")
    if rejects.counts:
        print(f"lines, reasons and fixes: {rejects.path}")
    if summary.unnamed_main:
        print(
            f"channel {summary.unnamed_main!r} is at nearly all times at least the sum of the others: if it is their "
            "main meter, the site's total counts them twice; import again and say what hangs below it, "
            f'each with --parent "CHANNEL={summary.unnamed_main}"'
        )
    if summary.failed:
        print(f"FAILED: channels {', '.join(sorted(map(repr, summary.failed)))}; see the log, and import again")


def main(argv: Sequence[str] | None = None) -> int:
    """Import the files; exit 1 when a channel failed."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    if args.list_formats:
        print_formats()
        return EXIT_DONE
    check_arguments(args)
    given = mapping_of(args)

    from ingest.files.reject_file import RejectFile
    from ingest.runs.load_file import FileSite

    sources = survey_files(args, given)
    site = FileSite(args.site, args.site_name, args.timezone, args.latitude, args.longitude)
    with RejectFile(args.rejects) as rejects:
        summary = import_files(args, given, site, sources, rejects)
    print_summary(summary, rejects, args.check)
    return EXIT_FAILED if summary.failed else EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
