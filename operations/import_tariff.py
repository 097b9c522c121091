"""Make a tariff file of a rate of OpenEI's Utility Rate Database (URDB), as it was downloaded.

Give the answer of the API (https://openei.org/services/doc/rest/util_rates/?version=8, with detail=full) as it is, or
one rate of it, as JSON or TOML. The tariff is written to config/tariffs/<name>.toml in this project's own form, to be
read and corrected, and named in a site's file: [tariff] name = "<name>". What of the rate is not billed, or only with
more to be filled in, is listed with its reason, here and at the head of the file. A rate of which the bill would be
wrong is refused. An existing file is replaced with --replace only.

Stage: operations
Reads: the file given
Writes: config/tariffs/<name>.toml
Safe to re-run: yes
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from lib import cli
from lib.errors import EXIT_DONE, ConfigError, UsageError
from lib.logs import clean_text, setup_logging
from lib.paths import TARIFFS_DIR, check_file, write_atomically


def _name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,80}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} should be letters, digits, _ and - only, such as acme_gs2")
    return text


def _currency(text: str) -> str:
    if re.fullmatch(r"[A-Z]{3}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} should be a code of three capital letters such as USD")
    return text


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("file", type=cli.input_file, metavar="FILE", help="the rate as downloaded, .json or .toml")
    parser.add_argument("--name", type=_name, help="name of the tariff; default: made of utility and rate")
    parser.add_argument("--item", metavar="LABEL", help="which rate, where the file holds several")
    parser.add_argument("--currency", type=_currency, help="of a rate that is not of the United States, such as EUR")
    parser.add_argument("--replace", action="store_true", help="replace a tariff of this name")
    return parser


def write_tariff(
    file: Path,
    name: str | None,
    label: str | None,
    currency: str | None,
    replace: bool,
    tariffs_dir: Path = TARIFFS_DIR,
) -> tuple[Path, list[str]]:
    """Write the tariff file, and return where, and what of the rate it does not hold.

    Raises
    ------
    ConfigError
        When the rate cannot be read, or cannot be billed.
    UsageError
        When the file holds several rates, or a tariff of this name is there already.
    """
    from config.strict_toml import read_document, shown  # here, for they need numpy
    from operations.tariffs.tariff_text import render_tariff
    from operations.tariffs.urdb_answer import choose_item, import_rate

    if check_file(file).suffix.lower() not in (".json", ".toml"):
        raise UsageError(f"{shown(file)} should end in .json or .toml, as what it holds; rename it")
    try:
        item = choose_item(read_document(file), label, file)
        imported = import_rate(item, file, currency, datetime.now(UTC).date())
    except RecursionError as err:
        raise ConfigError(f"{shown(file)}: nested too deep; download it again, with detail=full") from err
    path = tariffs_dir / f"{name or imported.name}.toml"
    if not replace and any(path.with_suffix(suffix).exists() for suffix in (".toml", ".json")):
        raise UsageError(f"there is a tariff {path.stem} already; give another --name, or --replace")
    remarks = [f"{key} {reason}" for key, reason in imported.not_kept]
    head = "Made of a rate of OpenEI's Utility Rate Database by operations/import_tariff.py."
    listed = ["", "Not billed, or not without more:", *(f"- {remark}" for remark in remarks)] if remarks else []
    text = render_tariff(imported.tariff, [head, *listed, ""])
    _check_loads(text, path.stem, file)
    write_atomically(path, text)
    return path, remarks


def _check_loads(text: str, name: str, file: Path) -> None:
    """Refuse the text of a tariff file that could not be read again, before anything is written."""
    from config.strict_toml import shown
    from config.tariff_file import load_tariff

    with TemporaryDirectory() as folder:
        draft = Path(folder) / f"{name}.toml"
        draft.write_text(text, encoding="utf-8")
        try:
            load_tariff(name, Path(folder))
        except ConfigError as err:
            reason = str(err).replace(str(draft), "its tariff file")
            problem = f"makes a tariff that can't be read: {reason}; correct the rate, nothing was written"
            raise ConfigError(f"{shown(file)}: {problem}") from err


def main(argv: Sequence[str] | None = None) -> int:
    """Write the tariff file and print what it does not hold."""
    args = build_parser().parse_args(argv)
    setup_logging(args.verbose)
    path, remarks = write_tariff(args.file, args.name, args.item, args.currency, args.replace)
    print(f'{path}: name it in the site\'s file, [tariff] name = "{path.stem}"')
    if remarks:
        print("Not billed, or not without more:")
    for remark in remarks:
        print(f"- {clean_text(remark)}")
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
