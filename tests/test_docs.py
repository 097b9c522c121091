"""What the guides say can be done as they say it: every command is understood, every link and path leads somewhere."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from lib.paths import PROJECT_ROOT
from operations.write_reference import read_help

PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
# It shows help texts as they come, not what to type.
GUIDES = [page for page in PAGES if page.name != "commands.md"]
ALIASES: dict[str, str] = json.loads((PROJECT_ROOT / "package.json").read_text())["scripts"]
ROOMS = "config|lib|ingest|govern|analyze|deliver|operations|docs|tests"

_COMMAND = re.compile(
    r"(?<![\w/.-])(?:(?:python3?|\.venv/bin/python|bash)[ \t]+(?=[\w./-]+\.(?:py|sh)\b|-m )|npm run )"
)
_END = re.compile(r"[|;&)>]|\s#|\s$")
_END_IN_PROSE = re.compile(r"[|;&)>,:]|\.(?: |$)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(rf"`((?:{ROOMS})/[\w./-]+\.(?:py|sh|sql|toml|md|css|typ|json))`")
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
# What a reader puts something of their own for.
_NUMBERS = re.compile(r"(?<![\w-])(?:ID|N|REQUESTS)(?![\w-])")


class _Parsed(Exception):
    """The arguments were understood; what they ask for is not done."""


@cache
def read_page(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands_of(page: Path) -> list[tuple[str, bool]]:
    """Return the commands of a page, and whether each stands as code, to be typed as it is, or in a sentence."""
    text = re.sub(r" *\\\n *", " ", read_page(page))
    fences = _FENCE.findall(text)
    rest = _FENCE.sub("", text)
    quoted = [span.replace("\n", " ") for span in re.findall(r"`([^`]+)`", rest)]
    assert rest.count("`") % 2 == 0, f"{page.name}: a quotation is not closed"
    code = [line for piece in [*fences, *quoted] for line in piece.splitlines()]
    prose = re.sub(r"`[^`]+`", "|", rest).splitlines()
    return [
        (end.split(line[match.start() :], maxsplit=1)[0].strip(), end is _END)
        for lines, end in ((code, _END), (prose, _END_IN_PROSE))
        for line in lines
        for match in _COMMAND.finditer(line)
    ]


ALL_COMMANDS = sorted({(*command, page.name) for page in GUIDES for command in commands_of(page)})


def script_and_arguments(command: str) -> tuple[str, list[str]]:
    """Return which file of the project a command runs, with which arguments; empty for a tool that is not ours."""
    words = shlex.split(command)
    if words[:2] == ["npm", "run"]:
        if words[2:] in ([], ["…"]):
            return "", []
        alias = ALIASES.get(words[2].rstrip(",.…"))
        assert alias, f"there is no alias {words[2]}"
        return script_and_arguments(" ".join([alias, *(word for word in words[3:] if word != "--")]))
    script, *arguments = words[1:]
    if script == "operations/with_venv.sh" and arguments and not arguments[0].startswith("-"):
        script, *arguments = arguments
    if script.startswith("-"):
        assert script == "-m" and arguments[0] in ("pytest", "pip"), command
        return "", []
    return script, arguments


@pytest.mark.parametrize(("command", "is_code", "page"), ALL_COMMANDS)
def test_every_command_is_understood(command: str, is_code: bool, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, arguments = script_and_arguments(command)
    if not script:
        return
    path = PROJECT_ROOT / script
    assert path.is_file(), f"{page}: there is no {script}"
    if script.startswith("tests/") or path.name == "run_tests.sh":  # their arguments are pytest's, or their own
        return
    # Where something is left to the reader, nothing can be said of what is required.
    if path.suffix == ".py" and is_code and not re.search(r"…|\.\.\.|<", command):
        _parse(script, [_NUMBERS.sub("1", word) for word in arguments], monkeypatch)
        return
    known = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", help_of(path)))
    assert {word.split("=")[0] for word in arguments if re.match(r"--?[a-z]", word)} <= known, command


@cache
def help_of(path: Path) -> str:
    return read_help(path)


def _parse(script: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the script's own parser read the arguments, and stop it there."""
    parse = argparse.ArgumentParser.parse_args

    def parse_only(parser: argparse.ArgumentParser, args: list[str] | None = None) -> None:
        parse(parser, args)
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    main = importlib.import_module(script.removesuffix(".py").replace("/", ".")).main
    if "--help" in arguments:
        return
    try:
        main(arguments)
    except _Parsed:
        return
    except SystemExit as refused:
        pytest.fail(f"{script} does not understand {arguments} (exit code {refused.code})")


def headings_of(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub makes them of its headings."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", read_page(page)), re.MULTILINE)
    bare = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "").strip().lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in bare}


def links_of(page: Path) -> Iterator[str]:
    for target in _LINK.findall(_FENCE.sub("", read_page(page))):
        if not re.match(r"[a-z]+:", target):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT_ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links_of(page):
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert found.is_relative_to(PROJECT_ROOT), target
        if anchor:
            assert anchor in headings_of(found), target


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.relative_to(PROJECT_ROOT).as_posix())
def test_every_file_that_is_named_is_there(page: Path) -> None:
    missing = [name for name in _PATH.findall(_FENCE.sub("", read_page(page))) if not (PROJECT_ROOT / name).exists()]
    # A site's own files are the operator's, and the examples of them are not in the project.
    assert [name for name in missing if not name.startswith("config/")] == []


def test_commands_are_found_wherever_they_stand(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("""Run `python a/b.py --x 1` or `bash
c/d.sh -f`, else run: python i.py --all, and see.

```bash
export U="$(bash e.sh f.py start)"   # why
LONG=1 python g.py --by "J. O" \\
    --n 5   # a comment --here
npm run py:x -- --site 7
```
| `python h.py` | a python is a snake |
""")
    assert commands_of(page) == [
        ("bash e.sh f.py start", True), ('python g.py --by "J. O" --n 5', True), ("npm run py:x -- --site 7", True),
        ("python a/b.py --x 1", True), ("bash c/d.sh -f", True), ("python h.py", True), ("python i.py --all", False),
    ]  # fmt: skip


def test_guides_have_the_commands_that_are_tested() -> None:
    assert len(ALL_COMMANDS) > 60
