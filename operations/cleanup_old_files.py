"""Remove files that have grown old: rotated logs, exports, and all but the newest reports of each site.

Shows what it would remove; --delete removes it. What was sent stays known: the log of sendings, the alerts and mutes
are never touched, and neither is any file that this project does not write. Raw readings of old months are the
database's: see govern/drop_old_readings.py.

Stage: operations
Reads: logs/, exports/, reports/
Writes: removes files from these folders, with --delete
Safe to re-run: yes

Examples:
  python operations/cleanup_old_files.py
  python operations/cleanup_old_files.py --older-than-days 180 --keep-reports 26 --delete
"""

from __future__ import annotations

import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.errors import EXIT_DONE, PipelineError
from lib.logs import setup_logging
from lib.paths import EXPORTS_DIR, PROJECT_ROOT, REPORTS_DIR

LOGS_DIR = PROJECT_ROOT / "logs"
DEFAULT_DAYS = 365
DEFAULT_REPORTS = 53  # a year of weeks, so that last year's is there to compare with
_SECONDS_PER_DAY = 86_400

_ROTATED_LOG = re.compile(r"(?:daily_sync|weekly_report)\.log\.[1-9]\d*")
_EXPORT = re.compile(r"tableau_(?:readings|daily_summary|channel_summary|hourly_patterns)\.(?:csv|parquet|hyper)")
# <kind>_<site>_<first day>[.v<version>].<json, html, pdf or xlsx>: every file of a report goes or stays with it.
_REPORT = re.compile(
    r"(?P<series>(?:weekly_report|customer_report|asset_health|electrical_health|monthly_summary)_\d+|portfolio)"
    r"_(?P<day>\d{4}-\d\d(?:-\d\d)?)(?:\.v\d+)?\.(?:json|html|pdf|xlsx)"
)


def list_old_files(folder: Path, pattern: re.Pattern[str], older_than_s: float) -> list[Path]:
    """Return the files below `folder` whose name is of `pattern` and that were last written before a moment."""
    return [path for path in _files(folder) if pattern.fullmatch(path.name) and path.stat().st_mtime < older_than_s]


def list_old_reports(folder: Path, keep: int, older_than_s: float) -> list[Path]:
    """Return the files of reports that are not among the `keep` newest periods of their series, and old besides."""
    series: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in _files(folder):
        if match := _REPORT.fullmatch(path.name):
            series[match["series"]][match["day"]].append(path)
    surplus = [paths for days in series.values() for _, paths in sorted(days.items(), reverse=True)[keep:]]
    return [path for paths in surplus for path in paths if path.stat().st_mtime < older_than_s]


def _files(folder: Path) -> list[Path]:
    """Return the regular files below `folder`, in order; a link is left alone, whatever it points to."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def remove_files(paths: Iterable[Path]) -> None:
    """Remove the files.

    Raises
    ------
    PipelineError
        When one cannot be removed; those before it are gone.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as err:
            raise PipelineError(f"cannot remove {path}: {err.strerror or err}; check who owns its folder") from err


def main(argv: Sequence[str] | None = None) -> int:
    """List the old files, and remove them when told to."""
    parser = cli.script_parser(__doc__)
    parser.add_argument(
        "--older-than-days", type=cli.day_count, default=DEFAULT_DAYS, metavar="N", help="default: %(default)s"
    )
    parser.add_argument(
        "--keep-reports", type=cli.positive_int, default=DEFAULT_REPORTS, metavar="N",
        help="of each site and kind, however old (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--delete", action="store_true", help="remove them, instead of showing them only")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    moment = time.time() - args.older_than_days * _SECONDS_PER_DAY
    old = [
        *list_old_files(LOGS_DIR, _ROTATED_LOG, moment),
        *list_old_files(EXPORTS_DIR, _EXPORT, moment),
        *list_old_reports(REPORTS_DIR, args.keep_reports, moment),
    ]
    size_mb = sum(path.stat().st_size for path in old) / 1e6
    if args.delete:
        remove_files(old)
    for path in old:
        print(path)
    print(f"{'removed' if args.delete else 'would remove'} {len(old)} files, {size_mb:.1f} MB"
          + ("" if args.delete or not old else "; --delete removes them"))  # fmt: skip
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
