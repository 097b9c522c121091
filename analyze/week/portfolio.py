"""Adds up the weeks of many sites. Pure."""

from __future__ import annotations

from typing import Any

SANDBOX = "sandbox"


def total_sites(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the energy of all sites with numbers, and their savings by currency, which are never added across.

    Parameters
    ----------
    rows
        One a site: `status`, and for ``"ok"`` `totalKwh`, `savingsWeekly`, `savingsAnnual`, `currency` and
        `dataSource`. Made-up sites are added up only where no site was measured; else they are `sandboxSitesLeftOut`.
    """
    shown = [row for row in rows if row["status"] == "ok"]
    known = [row for row in shown if row["dataSource"] != SANDBOX] or shown
    savings = []
    for currency in sorted({row["currency"] for row in known}, key=str):
        own = [row for row in known if row["currency"] == currency]
        savings.append(
            {
                "currency": currency,
                "sites": len(own),
                "savingsWeekly": round(sum(row["savingsWeekly"] for row in own), 2),
                "savingsAnnual": round(sum(row["savingsAnnual"] for row in own), 2),
            }
        )
    return {
        "sites": len(known),
        "totalKwh": round(sum(row["totalKwh"] for row in known), 3),
        "savings": savings,
        "sandboxSitesLeftOut": len(shown) - len(known),
    }
