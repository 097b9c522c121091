"""Find stretches in which a meter draws far more, or far less, than it usually does at that hour of the week.

With --scores FILE it writes `channel_id,timestamp,score,is_anomaly` for every interval of the window instead.

Stage:  analyze
Reads:  v_sites, v_meters, v_readings_enriched (the period and the baseline weeks before it; for scores, after it too)
Writes: the section "anomalies" to stdout, or the file of --scores; nothing to the database
Safe to re-run: yes; the file of --scores is replaced whole
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
from lib.paths import begins_with


def main(argv: Sequence[str] | None = None) -> int:
    """Print the section of one period, or write the scores of one window."""
    parser = command_line.section_parser(__doc__)
    parser.add_argument(
        "--scores", type=cli.output_file(begins_with(command_line.SCORES_START)), metavar="FILE",
        help="write the score of every interval to FILE (CSV)",
    )  # fmt: skip
    args = parser.parse_args(argv)
    if args.scores is not None:
        return command_line.write_scores(args)

    def render(section: Any) -> str:
        from analyze.sections.anomalies import render_text

        return render_text(section)

    return command_line.print_section(args, "anomalies", render)


if __name__ == "__main__":
    sys.exit(cli.run(main))
