"""Propose a site's file, config/sites/<id>.toml, from what the database has of the site.

Reads the site, its channels and up to twelve weeks of readings, and proposes parents, kinds, equipment, country and
state, opening hours, channels to leave out, and what is to be filled in. Every line says why, and how sure that is:
high, medium or low. What is low, and what only a person can confirm (opening hours, prices), stands there behind "#":
it is out of force until somebody takes the "#" away. An existing file is never replaced.

Stage: operations
Reads: v_sites, v_meters, v_latest_readings, v_readings_enriched
Writes: nothing; with --write config/sites/<id>.toml, with --out the file
Safe to re-run: yes; it refuses where the file is there already
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from config.site_file import ChannelKind, SiteFile, resolve_channels, resolve_excluded
from config.strict_toml import convert_model
from lib import cli, db
from lib.errors import EXIT_DONE, UsageError
from lib.logs import setup_logging
from lib.paths import SITES_DIR, check_folder, write_atomically

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def propose(conn: Connection, site_id: int, sites_dir: Path = SITES_DIR) -> str:
    """Return the text of the site's proposed file; it was read by the strict model once.

    Raises
    ------
    DataError
        When the site is unknown, or has no readings.
    """
    from operations.onboarding.evidence import gather_evidence  # here, for they need pandas
    from operations.onboarding.names import says_main
    from operations.onboarding.proposal import propose_site
    from operations.onboarding.site_facts import load_site_data

    data = load_site_data(conn, site_id)
    compared = [one for one in data.channels if one.meter_id in data.compared]
    seen = gather_evidence(
        data.rows,
        data.tz,
        data.compared,
        {one.meter_id: one.parent_meter_id for one in compared if one.parent_meter_id is not None},
        [one.meter_id for one in compared if one.is_of_none],
        [one.meter_id for one in compared if one.kind == ChannelKind.GENERATION],
        [one.meter_id for one in compared if says_main(one.meter_name)],
    )
    path = sites_dir / f"{site_id}.toml"
    text = propose_site(data.site, data.tz, data.channels, data.window, seen, has_file=path.exists())
    _check(text, path, {one.meter_id: one.meter_name for one in data.channels})
    return text


def _check(text: str, path: Path, names: dict[int, str]) -> None:
    """Read the text as the site's file would be read: it raises where that would."""
    file = convert_model(tomllib.loads(text), SiteFile, path, {})
    file.schedule.to_schedule()
    resolve_channels(file.channels, names, path)
    resolve_excluded(file.site, names, path)


def choose_place(site_id: int, out: Path | None, sites_dir: Path = SITES_DIR) -> Path:
    """Return where the proposal is written to, which must be a place where nothing is.

    Raises
    ------
    UsageError
        When something is there.
    """
    path = sites_dir / f"{site_id}.toml" if out is None else out
    if os.path.lexists(path):
        raise UsageError(
            f"site {site_id}: {path} is there already and is never replaced; give --out another file, "
            "and copy what you want from it"
        )
    check_folder(path.parent)
    return path


def _next_step(path: Path, site_id: int) -> str:
    """Return what to do with a proposal that was written."""
    is_in_place = path.resolve() == SITES_DIR / f"{site_id}.toml"
    copy = "" if is_in_place else f"copy it to config/sites/{site_id}.toml, "
    return (
        f"read it, take the # from what is right, {copy}then run: python govern/refresh_views.py; "
        f"python govern/validate_data.py --site {site_id}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the proposal, or write it."""
    parser = cli.script_parser(__doc__)
    cli.add_site_argument(parser, required=True)
    place = parser.add_mutually_exclusive_group()
    new_file = cli.output_file(lambda _: True)  # `choose_place` refuses any file that is there
    place.add_argument("--out", type=new_file, metavar="FILE", help="write it to this new file, instead of to stdout")
    place.add_argument("--write", action="store_true", help="write it to config/sites/<id>.toml, where none is")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    path = choose_place(args.site, args.out) if args.write or args.out else None
    with db.connect(load_settings().require_database_url("deliver"), readonly=True) as conn:
        text = propose(conn, args.site)
    if path is None:
        print(text, end="")
        return EXIT_DONE
    write_atomically(path, text)
    print(f"{path}: {_next_step(path, args.site)}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
