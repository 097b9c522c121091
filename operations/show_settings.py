"""Show which settings the environment and .env give, with secrets masked; or tell a shell script whether one is there.

With --site also what is in force at a site, and where each value comes from: its file, a default, an assumption.

The shell never reads .env itself: its values may hold quotes, blanks, # and : that a shell would take for its own.

    --has database      exit 0 when DATABASE_URL is set, 1 when not
    --has credentials   exit 0 when the Eniscope key, e-mail and password are all set, 1 when none is, 2 when only some

Stage: operations
Reads: the environment, .env, config/sites/<id>.toml, config/branding.toml, config/tariffs
Writes: nothing
Safe to re-run: yes
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

_PROJECT_ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_PROJECT_ROOT))

from config.settings import CREDENTIAL_VARIABLES, Settings, load_settings
from lib import cli
from lib.errors import EXIT_DONE, EXIT_FAILED, UsageError
from lib.logs import clean_text, setup_logging

if TYPE_CHECKING:
    from config.in_force import Fact
    from config.site_file import SiteConfig

_MASK = "(set, not shown)"
_ABSENT = "(not set)"


def mask_settings(settings: Settings) -> dict[str, str]:
    """Return the settings as they may be shown; those that `repr` leaves out are secrets and masked."""
    shown = {}
    for setting in fields(settings):
        value = getattr(settings, setting.name)
        shown[setting.name] = _ABSENT if value in (None, (), {}) else clean_text(str(value)) if setting.repr else _MASK
    return shown


def render_settings(settings: Settings) -> list[str]:
    """Return one line for each setting, as `mask_settings` shows it."""
    return [f"{name:<20} {value}" for name, value in mask_settings(settings).items()]


def render_facts(site: SiteConfig, facts: Sequence[Fact]) -> list[str]:
    """Return what is in force at a site as lines, table by table."""
    from config.in_force import Origin
    from config.strict_toml import shown

    lines = ["", f"{shown(site.path)}{'' if site.path.exists() else ': no such file, the defaults hold'}"]
    for table, rows in groupby(facts, key=lambda fact: fact.table):
        own = list(rows)
        lines += ["", f"[{table}]"] if table else [""]
        lines += [_render_fact(fact) for fact in own if fact.origin is not Origin.UNSET]
        unset = [fact.key for fact in own if fact.origin is Origin.UNSET]
        lines += [f"not set: {', '.join(unset)}"] if unset else []
    return lines


def _render_fact(fact: Fact) -> str:
    source = f" ({fact.source})" if fact.source else ""
    return f"{fact.key:<32} = {json.dumps(fact.value, ensure_ascii=False):<22} {fact.origin}{source}"


def _print_all(settings: Settings, site_id: int | None, *, as_json: bool) -> None:
    shown: dict[str, Any] = {"settings": mask_settings(settings)}
    lines = render_settings(settings)
    if site_id is not None:
        from config.in_force import list_facts
        from config.site_file import read_site

        site = read_site(site_id)
        facts = list_facts(site)
        values = [fact._asdict() for fact in facts]
        shown["site"] = {"siteId": site_id, "file": str(site.path), "hasFile": site.path.exists(), "values": values}
        lines += render_facts(site, facts)
    if as_json:
        cli.print_json(shown)
    else:
        print("\n".join(lines))


def has_credentials(settings: Settings) -> bool:
    """Return whether all Eniscope credentials are set.

    Raises
    ------
    UsageError
        When only some are: whoever set them means the service, and must not get the sandbox instead.
    """
    missing = settings.missing_credentials
    if 0 < len(missing) < len(CREDENTIAL_VARIABLES):
        raise UsageError(f"some Eniscope credentials are set, but not {', '.join(missing)}; set all, or none")
    return not missing


def main(argv: Sequence[str] | None = None) -> int:
    """Print the settings, or answer by the exit code."""
    parser = cli.script_parser(__doc__)
    parser.add_argument("--site", type=cli.positive_int, metavar="ID", help="also what is in force at this site")
    parser.add_argument("--json", action="store_true", help="print it for a machine")
    parser.add_argument("--has", choices=("database", "credentials"), help="answer by the exit code alone")
    args = parser.parse_args(argv)
    setup_logging(args.verbose)
    settings = load_settings()
    if args.has is None:
        _print_all(settings, args.site, as_json=args.json)
        return EXIT_DONE
    is_there = bool(settings.database_url) if args.has == "database" else has_credentials(settings)
    return EXIT_DONE if is_there else EXIT_FAILED


if __name__ == "__main__":
    sys.exit(cli.run(main))
