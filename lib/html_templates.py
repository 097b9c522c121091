"""The one way in which pages and mails are made from templates: every text is escaped, and none may be missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import PipelineError

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

# Short ones: a long word must be able to break on a phone. What escaping makes of a sign has no hyphen.
_HYPHENED = re.compile(r"(?<![\w-])\w{1,12}(?:-\w{1,12}){1,2}(?![\w-])")

_PAGE_START = (
    b'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    b'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    b'<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
)


def is_page(path: Path) -> bool:
    """Return whether a file begins as every page of the project does."""
    with path.open("rb") as handle:
        return handle.read(1000).lstrip().startswith(_PAGE_START)


def load_template(path: Path) -> Template:
    """Return a template that escapes all that it is given; a name that it is not given is an error.

    Raises
    ------
    PipelineError
        When Jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as err:
        raise PipelineError("the page needs Jinja2; run: pip install -r requirements.txt") from err
    environment = Environment(
        loader=FileSystemLoader(path.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["unbroken"] = keep_names_whole
    return environment.get_template(path.name)


def keep_names_whole(text: str) -> Markup:
    """Return text, escaped, whose words with a hyphen are not parted at it: RTU-2 at the end of a line is no RTU-."""
    from markupsafe import Markup, escape

    return Markup(_HYPHENED.sub(r'<span class="whole">\g<0></span>', str(escape(text))))
