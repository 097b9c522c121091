"""Which sites the jobs of all sites are for."""

from __future__ import annotations

from config.settings import load_settings
from config.site_file import list_inactive_sites
from lib import db
from lib.readings import load_sites


def load_active_sites(stage: str) -> list[int]:
    """Return the sites of the database, by id, but for those that their files take out; asked as a stage's user."""
    with db.connect(load_settings().require_database_url(stage), readonly=True) as conn:
        known = [site.site_id for site in load_sites(conn)]
    inactive = list_inactive_sites()
    return [site_id for site_id in known if site_id not in inactive]
