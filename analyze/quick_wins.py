"""Rank what can be saved within weeks: each kilowatt-hour counted once, with what to do and who does it.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it)
Writes: nothing; the section "quickWins" to stdout
Safe to re-run: yes, it only reads
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from analyze.week import command_line
from lib import cli


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period."""
    args = command_line.section_parser(__doc__).parse_args(argv)

    def render(section: Any) -> str:
        from analyze.sections.quick_wins import render_text

        return render_text(section)

    return command_line.print_section(args, "quickWins", render)


if __name__ == "__main__":
    sys.exit(cli.run(main))
