"""The reference pages say what the code says: they are generated, and stale ones fail here."""

from __future__ import annotations

import pytest

from lib.paths import PROJECT_ROOT
from operations.write_reference import REFERENCE_DIR, list_commands, list_messages, render_commands, render_errors

REMEDY = "run: python operations/write_reference.py"


@pytest.mark.slow
def test_every_command_stands_in_the_reference_as_it_is() -> None:
    assert (REFERENCE_DIR / "commands.md").read_text(encoding="utf-8") == render_commands(), REMEDY


def test_every_error_message_stands_in_the_reference_as_it_is() -> None:
    assert (REFERENCE_DIR / "errors.md").read_text(encoding="utf-8") == render_errors(), REMEDY


def test_commands_are_the_runnable_files_of_a_room() -> None:
    names = [path.name for path in list_commands("operations")]
    assert "daily_sync.sh" in names and "list_sites.py" in names and "eniscope_sandbox.py" in names
    assert "environment.sh" not in names and "alert_files.py" not in names


def test_messages_are_read_with_their_gaps() -> None:
    messages = dict(list_messages(PROJECT_ROOT / "lib" / "date_utils.py"))
    assert messages["unknown time zone …; give an IANA name such as America/New_York"] == 2
