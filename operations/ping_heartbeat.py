"""Tell the dead-man's switch that the sync has run: it notices when this stays away.

Without HEARTBEAT_URL in .env it does nothing, and says so with -v.

Stage: operations
Reads: .env
Writes: nothing; asks HEARTBEAT_URL once
Safe to re-run: yes
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import load_settings
from lib import cli
from lib.errors import EXIT_DONE
from lib.logs import setup_logging
from lib.webhook import ping

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Ask the switch's address."""
    args = cli.script_parser(__doc__).parse_args(argv)
    setup_logging(args.verbose)
    url = load_settings().heartbeat_url
    if url is None:
        logger.debug("HEARTBEAT_URL is not set: nobody is told that the sync has run")
        return EXIT_DONE
    ping(url)
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
