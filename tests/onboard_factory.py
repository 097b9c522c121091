"""Sites for the tests of proposals: channels, their evidence, and what a proposed file says, behind # too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from config.site_file import SiteConfig, load_site
from lib.date_utils import Window
from lib.meter_sums import Confidence
from operations.onboarding.evidence import gather_evidence
from operations.onboarding.names import says_main
from operations.onboarding.proposal import propose_site
from operations.onboarding.site_facts import ChannelFacts, SiteFacts

ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SITE = SiteFacts(700, "Some Site", "UTC", "Wilson", "NC", "US", "USD")
_LINE = re.compile(r"(?m)^#?(?P<key>\w+) = (?P<value>[^#]+?)  # (?P<sure>high|medium|low)(?P<waits>, to confirm)?: \S")
Floats = npt.NDArray[np.float64]


class Proposed(NamedTuple):
    """A value in a proposed file."""

    value: str
    confidence: Confidence
    is_active: bool


def channel(key: int, name: str, **more: Any) -> ChannelFacts:
    """Return a channel of which nobody said anything."""
    usual = ChannelFacts(key, name, "5410ec000001", None, True, 900, None, False, True, None, False, False, 1.0, key,
                         "whole", MONDAY)  # fmt: skip
    return usual._replace(**more)


def propose_for(
    channels: Sequence[ChannelFacts], kwh_of: Mapping[int, Floats], step_s: int = 900, site: SiteFacts = SITE
) -> str:
    """Return the file proposed for readings [kWh] that begin on a Monday; NaN is missing."""
    ids = [one.meter_id for one in channels if one.is_energy_meter and one.is_counted and one.meter_id in kwh_of]
    count = max(len(kwh_of[key]) for key in ids)
    starts = pd.date_range(MONDAY, periods=count, freq=f"{step_s}s")
    end = starts[-1].to_pydatetime() + timedelta(seconds=step_s)
    rows = pd.concat(
        pd.DataFrame(
            {
                "channel_id": key,
                "interval_start": starts,
                "interval_s": step_s,
                "energy_kwh": kwh_of[key],
                "power_kw": kwh_of[key] * 3600 / step_s,
            }
        )
        for key in ids
    )
    dated = [one if one.newest_end != MONDAY else one._replace(newest_end=end) for one in channels]
    compared = [one for one in dated if one.meter_id in ids]
    seen = gather_evidence(
        rows,
        ZONE,
        ids,
        {one.meter_id: one.parent_meter_id for one in compared if one.parent_meter_id is not None},
        [one.meter_id for one in compared if one.is_of_none],
        [one.meter_id for one in compared if one.kind == "generation"],
        [one.meter_id for one in compared if says_main(one.meter_name)],
    )
    return propose_site(site, ZONE, dated, Window(MONDAY, end), seen)


def read_tables(text: str) -> dict[str, dict[str, Proposed]]:
    """Return table → key → what is proposed for it, in force or not; of several lines of a key the first."""
    tables: dict[str, dict[str, Proposed]] = {}
    table: dict[str, Proposed] = {}
    for line in text.splitlines():
        if header := re.match(r"#?\[([^\]]+)\]", line):
            table = tables.setdefault(header.group(1), {})
        elif found := _LINE.match(line):
            value = Proposed(found["value"], Confidence(found["sure"]), not line.startswith("#"))
            table.setdefault(found["key"], value)
    return tables


def parents_of(text: str) -> dict[int, tuple[int, Confidence]]:
    """Return part → its proposed main and how sure that is."""
    return {
        int(name.split('"')[1]): (int(lines["parent"].value.strip('"')), lines["parent"].confidence)
        for name, lines in read_tables(text).items()
        if "parent" in lines
    }


def confirm_all(text: str) -> str:
    """Return the file with every # taken away that keeps a line out of force; of several for a key the first stays."""
    lines: list[str] = []
    seen: set[str] = set()
    for line in text.splitlines():
        if re.match(r"#?\[", line):
            seen.clear()
        elif found := re.match(r"#?(\w+) = ", line):
            if found[1] in seen:
                continue
            seen.add(found[1])
        lines.append(re.sub(r"^#(?=\S)", "", line))
    return "\n".join(lines) + "\n"


def load_text(text: str, folder: Path, names: Mapping[int, str]) -> SiteConfig:
    """Return what the strict model reads, with its channels looked up."""
    (folder / f"{SITE.site_id}.toml").write_text(text, encoding="utf-8")
    site = load_site(SITE.site_id, folder)
    site.channels(names)
    site.excluded(names)
    assert site.schedule.week
    return site
