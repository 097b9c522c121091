"""Who gets what of a site, and whether it is still synced, as ``config/sites/<id>.toml`` declares it.

::

    [sync]
    is_active = false                       # a site that left: the nightly sync passes over it

    [report]
    recipients = ["manager@example.com"]    # of the weekly report

    [alerts]
    recipients = ["operator@example.com"]   # of this site's alerts, in place of ALERT_RECIPIENTS
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import NamedTuple

from config.toml_table import TomlTable, read_toml
from lib.errors import ConfigError
from lib.paths import SITES_DIR

logger = logging.getLogger(__name__)

# No address is valid for certain before mail has reached it; this refuses what cannot be one, or would be two.
_ADDRESS = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+")


class DeliveryConfig(NamedTuple):
    """Recipients of a site, and whether it is synced."""

    is_active: bool = True
    report_recipients: tuple[str, ...] = ()
    alert_recipients: tuple[str, ...] = ()


def load_delivery_config(site_id: int, sites_dir: Path = SITES_DIR) -> DeliveryConfig:
    """Return what the site's file says of its delivery; without a file, the defaults.

    Raises
    ------
    ConfigError
        When the file cannot be read, or a value in these tables cannot be meant.
    """
    path = sites_dir / f"{site_id}.toml"
    if not path.exists():
        return DeliveryConfig()
    root = read_toml(path)
    sync, report, alerts = (root.table(name) or TomlTable(path, {}, name) for name in ("sync", "report", "alerts"))
    sync.allow_only("is_active")
    report.allow_only("recipients")
    alerts.allow_only("recipients")
    return DeliveryConfig(sync.flag("is_active", True), _recipients(report), _recipients(alerts))


def _recipients(table: TomlTable) -> tuple[str, ...]:
    addresses = table.values.get("recipients", [])
    if not isinstance(addresses, list) or not all(isinstance(one, str) and is_address(one) for one in addresses):
        table.refuse_value("recipients", 'a list of mail addresses such as ["name@example.com"]')
    return tuple(addresses)


def is_address(text: str) -> bool:
    """Return whether `text` can be one mail address, without a name or a second address beside it."""
    return _ADDRESS.fullmatch(text) is not None


def list_configured_sites(sites_dir: Path = SITES_DIR) -> list[int]:
    """Return the ids of the sites that have a file, in order."""
    return sorted(int(path.stem) for path in sites_dir.glob("*.toml") if path.stem.isdecimal())


def load_deliveries(sites_dir: Path = SITES_DIR) -> dict[int, DeliveryConfig]:
    """Return the delivery of each site that has a file; one with a mistake is logged, and its site left out.

    One site's file must not keep the others from being synced, or their alerts from being sent.
    """
    deliveries = {}
    for site_id in list_configured_sites(sites_dir):
        try:
            deliveries[site_id] = load_delivery_config(site_id, sites_dir)
        except ConfigError as err:
            logger.error("site %d: %s", site_id, err)
    return deliveries


def list_inactive_sites(sites_dir: Path = SITES_DIR) -> set[int]:
    """Return the ids of the sites that their files take out of the sync."""
    return {site_id for site_id, delivery in load_deliveries(sites_dir).items() if not delivery.is_active}
