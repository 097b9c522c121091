"""The one way in which pages and mails are made from templates: every text is escaped, and none may be missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lib.errors import PipelineError

if TYPE_CHECKING:
    from jinja2 import Template


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
    return environment.get_template(path.name)
