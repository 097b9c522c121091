"""The page of commands says what the code says, and each error says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from error_messages import list_messages

from lib.paths import PROJECT_ROOT
from operations.write_reference import REFERENCE_DIR, ROOMS, list_commands, render_commands

REMEDY = "run: python operations/write_reference.py"


@pytest.mark.slow
def test_every_command_stands_in_the_reference_as_it_is() -> None:
    assert (REFERENCE_DIR / "commands.md").read_text(encoding="utf-8") == render_commands(), REMEDY


def test_commands_are_the_runnable_files_of_a_room() -> None:
    names = [path.name for path in list_commands("operations")]
    assert "daily_sync.sh" in names and "list_sites.py" in names and "eniscope_sandbox.py" in names
    assert "environment.sh" not in names and "files.py" not in names


def test_messages_are_read_with_their_gaps_and_remedies(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("""
HINT = "run: it"

def look(site, other):
    if site:
        hint = f"ask {site}"
    else:
        hint = "a (with; one)"
    failure = DataError(f"site {site}: nothing; {hint}, {other}")
    source.refuse(("name",), "should be a text")
    refuse(path, ("name",), "is not known")
    raise Refusal("name", "should be another text")
    raise UsageError("--x is wrong" f" ({site}; now)") if other else ArgumentTypeError(f"{site!r} is no number")
    raise BreakerOpenError(f"held back; {HINT}")
    raise ConfigError(f"{site}: {other}")
    raise ValueError("of nobody's concern")
""")
    assert {(message.what, message.remedy, message.exit_code) for message in list_messages(module)} == {
        ("site …: nothing", "ask …, …", 1),
        ("site …: nothing", "a (with; one), …", 1),
        ("…: … should be a text", "", 1),
        ("…: … is not known", "", 1),
        ("…: … should be another text", "", 1),
        ("--x is wrong (…; now)", "", 2),
        ("… is no number", "", 2),
        ("held back", "run: it", 3),
    }


def test_messages_of_the_shell_are_read_too(tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("""
fail "no $1 in ${2:-}: $(cat "$work/errors"); make one"
[ -f x ] ||
  fail "unknown \\"option\\" $1" "$EXIT_USAGE"
  *) fail "stopped at: $title" "$code" ;;
""")
    assert {(message.what, message.remedy, message.exit_code) for message in list_messages(script)} == {
        ("no … in …: …", "make one", 1),
        ('unknown \\"option\\" …', "", 2),
        ("stopped at: …", "", None),
    }


def test_every_error_says_what_to_do_next() -> None:
    """Behind a semicolon; or it says what the value should be, or where that stands."""
    messages = {
        found
        for room in ("config", "lib", *ROOMS)
        for path in (*(PROJECT_ROOT / room).rglob("*.py"), *(PROJECT_ROOT / room).glob("*.sh"))
        for found in list_messages(path)
    }
    is_enough = (" should ", "(see --help)")
    bare = [m.text for m in messages if not m.remedy and not any(words in m.text for words in is_enough)]
    assert bare == []
