"""Decide whether it is the meter or the building: dead, silent, stuck, wrongly scaled or wired meters.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it), v_rejected_readings
Writes: nothing; the section "sensorHealth" to stdout
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
        from analyze.sections.sensors import render_text

        return render_text(section)

    return command_line.print_section(args, "sensorHealth", render)


if __name__ == "__main__":
    sys.exit(cli.run(main))
