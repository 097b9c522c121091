"""Text from outside, written into TOML."""

from __future__ import annotations

import json
import unicodedata

# Control characters, marks that turn or hide what follows them, and ends of line of every kind.
_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def quote(text: str) -> str:
    """Return a text as TOML quotes it, on one line, with what is not seen written as escapes."""
    return "".join(map(_escape, json.dumps(text, ensure_ascii=False)))


def _escape(character: str) -> str:
    if unicodedata.category(character) not in _NOT_SHOWN:
        return character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:  # half a character: TOML has no escape for it
        return "\\uFFFD"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
