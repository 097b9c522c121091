"""Finds in the source every message that a command can end with: what it says, its remedy, its exit code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from lib import errors
from lib.errors import EXIT_FAILED, EXIT_USAGE

GAP = "…"  # stands for what differs from case to case
_MOST_VARIANTS = 12  # of one message; beyond that a part is left as a gap
# Of config/strict_toml.py: where the message stands among the arguments, and where they are only that.
_REFUSALS = {"refuse": (2, 1), "Refusal": (1,)}
# In double quotes, within which $(…) has quotes of its own.
_FAIL = re.compile(r"""fail "((?:\$\([^)]*\)|[^"\\]|\\.)*)"(?: "(\S+)")?""")
_EXPANSION = re.compile(r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+")
_SHELL_CODES = {"": EXIT_FAILED, "$EXIT_USAGE": EXIT_USAGE}
# Not of the project's tree: argparse prints them as a mistake of the command line.
_ARGUMENT_ERROR = "ArgumentTypeError"


class Message(NamedTuple):
    """A message of an error, with `GAP` for what is put into it."""

    text: str
    exit_code: int | None  # None where it is that of the step which failed

    @property
    def what(self) -> str:
        """What happened: up to the first semicolon outside brackets."""
        return self._split()[0]

    @property
    def remedy(self) -> str:
        """What to do: what stands behind that semicolon."""
        return self._split()[1]

    def _split(self) -> tuple[str, str]:
        depth = 0
        for position, char in enumerate(self.text):
            depth += (char in "([{") - (char in ")]}")
            if char == ";" and depth <= 0:
                return self.text[:position].strip(), self.text[position + 1 :].strip()
        return self.text.strip(), ""


def list_messages(path: Path) -> set[Message]:
    """Return the messages of the errors that a Python module or a shell script makes."""
    text = path.read_text(encoding="utf-8")
    found = _shell_messages(text) if path.suffix == ".sh" else _python_messages(ast.parse(text))
    return {message for message in found if re.search(r"[^\W\d_]{2}", message.text.replace(GAP, ""))}


def _python_messages(tree: ast.Module) -> Iterator[Message]:
    # A text that is chosen before it is put into the message, such as a hint, is looked up where it was assigned.
    constants = _assigned_texts(tree)
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]:
        assigned = constants | _assigned_texts(scope)
        for node in _own_nodes(scope):
            if isinstance(node, ast.Call) and node.args and (found := _error_made(node)):
                position, prefix, code = found
                for text in _variants(node.args[position], assigned):
                    yield Message(prefix + text, code)


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module that belong to no function within it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own_nodes(child)


def _error_made(call: ast.Call) -> tuple[int, str, int] | None:
    """Return where a call has its message, what is put before it, and the exit code; None where it makes no error."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    for position in _REFUSALS.get(name, ()):
        if len(call.args) > position:
            return position, f"{GAP}: {GAP} ", EXIT_FAILED
    if name == _ARGUMENT_ERROR:
        return 0, "", EXIT_USAGE
    kind = getattr(errors, name, errors.PipelineError if name.endswith("ReplyError") else None)
    if isinstance(kind, type) and issubclass(kind, errors.PipelineError):
        return 0, "", kind.exit_code
    return None


def _assigned_texts(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return name → the texts that are assigned to it in a function or module."""
    texts: dict[str, list[ast.expr]] = {}
    for node in _own_nodes(scope):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, (ast.Constant, ast.JoinedStr)):
            continue
        if isinstance(node.targets[0], ast.Name):
            texts.setdefault(node.targets[0].id, []).append(node.value)
    return texts


def _variants(node: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """Return what a text can read, with gaps."""
    if isinstance(node, ast.JoinedStr):
        parts = [_variants(value, assigned) for value in node.values]
        texts = ["".join(chosen) for chosen in product(*parts)]
        return texts if len(texts) <= _MOST_VARIANTS else [_with_gaps(node)]
    if isinstance(node, ast.BinOp):
        return [a + b for a in _variants(node.left, assigned) for b in _variants(node.right, assigned)]
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    name = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(name, ast.Name) and name.id in assigned:
        inner = {key: values for key, values in assigned.items() if key != name.id}
        return [text for value in assigned[name.id] for text in _variants(value, inner)]
    return [GAP]


def _with_gaps(node: ast.JoinedStr) -> str:
    return "".join(str(value.value) if isinstance(value, ast.Constant) else GAP for value in node.values)


def _shell_messages(text: str) -> Iterator[Message]:
    for words, code in _FAIL.findall(text.replace("\\\n", " ")):
        yield Message(_EXPANSION.sub(GAP, words), _SHELL_CODES.get(code))
