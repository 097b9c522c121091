"""How customer reports look: ``config/branding.toml``, and a site's own ``[branding]`` in ``config/sites/<id>.toml``.

::

    [branding]
    name = "Acme Energy"
    color = "#0b6b67"                    # of headings and charts; dark enough to be read on white
    logo = "branding/acme.svg"           # beside branding.toml; PNG, JPEG or SVG, at most 200 kB
    contact = "Jane Doe, +1 555 0100, jane@example.com"

A site's table replaces the common one key by key. Without either, reports carry no brand.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import NamedTuple

from config.toml_table import TomlTable, read_toml
from lib.paths import PROJECT_ROOT, SITES_DIR

BRANDING_FILE = PROJECT_ROOT / "config" / "branding.toml"
_MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
_MAX_LOGO_BYTES = 200_000  # the page is mailed, and stays below a megabyte
_MIN_CONTRAST = 4.5  # against white: WCAG 2.2, 1.4.3, level AA


class Branding(NamedTuple):
    """The brand of a report; empty texts where there is none. `logo` is a data URI."""

    name: str = ""
    color: str = ""
    logo: str = ""
    contact: str = ""


def load_branding(site_id: int, branding_file: Path = BRANDING_FILE, sites_dir: Path = SITES_DIR) -> Branding:
    """Return the brand of a site's reports.

    Raises
    ------
    ConfigError
        When a file cannot be read, or a value in it cannot be meant.
    """
    brand = Branding()
    for path in (branding_file, sites_dir / f"{site_id}.toml"):
        table = read_toml(path).table("branding") if path.exists() else None
        if table is not None:
            brand = brand._replace(**_read(table, branding_file.parent))
    return brand


def _read(table: TomlTable, folder: Path) -> dict[str, str]:
    table.allow_only(*Branding._fields)
    values = {name: table.text(name) for name in table.values}
    if "color" in values:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", values["color"]):
            table.refuse_value("color", "a colour such as '#0b6b67'")
        if _contrast_with_white(values["color"]) < _MIN_CONTRAST:
            table.refuse_value("color", f"a darker colour: its contrast with white must be {_MIN_CONTRAST} or more")
        values["color"] = values["color"].lower()
    if "logo" in values:
        values["logo"] = _data_uri(table, folder / values["logo"])
    return values


def _data_uri(table: TomlTable, path: Path) -> str:
    media_type = _MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None or not path.is_file():
        table.refuse_value("logo", f"a PNG, JPEG or SVG file that exists in {path.parent}")
    content = path.read_bytes()
    if len(content) > _MAX_LOGO_BYTES:
        table.refuse_value("logo", f"a file of at most {_MAX_LOGO_BYTES // 1000} kB")
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _contrast_with_white(color: str) -> float:
    """Return the contrast ratio (WCAG 2.2, relative luminance)."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 1.05 / (sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05)
