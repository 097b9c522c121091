"""Check voltage, frequency, currents, harmonics and power factor against the limits of ANSI, NEMA, IEEE and EN.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period)
Writes: nothing; the findings to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze.week import command_line
from lib import cli
from lib.logs import setup_logging


def main(argv: Sequence[str] | None = None) -> int:
    """Print the findings of one period."""
    args = command_line.section_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)

    from analyze.sections.electrical import render_text
    from analyze.week.loading import load_electrical_health
    from config.settings import load_settings
    from lib import db

    with db.connect(load_settings().require_database_url("analyze"), readonly=True) as conn:
        now = datetime.now(UTC)
        site, period, section = load_electrical_health(conn, args.site, args.start, args.end, args.timezone, now)
    if args.json:
        cli.print_json(section)
    else:
        print(f"{site.site_name} (site {site.site_id}), {period}, {args.timezone or site.timezone}")
        print(render_text(section))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
