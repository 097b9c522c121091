"""Adds up the weeks of many sites. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from lib.findings import FollowedFinding, JudgedKind, LedgerEntry, rank_by_money, total_judged, total_ledger
from lib.states import DataSource

if TYPE_CHECKING:
    from lib.report_types.portfolio import (
        CurrencyTotal,
        HeldRow,
        KindOfAction,
        OpenState,
        PortfolioResults,
        PortfolioTotals,
        SiteRow,
    )


def total_sites(rows: Sequence[SiteRow | HeldRow]) -> PortfolioTotals:
    """Return the energy of all sites with numbers, and their savings by currency, which are never added across.

    Parameters
    ----------
    rows
        One a site: `status`, and for ``"ok"`` `totalKwh`, `savingsWeekly`, `savingsAnnual`, `currency` and
        `dataSource`. Made-up sites are added up only where no site was measured; else they are `sandboxSitesLeftOut`.
    """
    shown = [row for row in rows if row["status"] == "ok"]
    known = [row for row in shown if row["dataSource"] != DataSource.SANDBOX] or shown
    savings: list[CurrencyTotal] = []
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
        "isAtLeast": any(row.get("isAtLeast", False) for row in known),
        "savings": savings,
        "sandboxSitesLeftOut": len(shown) - len(known),
    }


def sum_actions(
    findings: Iterable[FollowedFinding], names: Mapping[int, str], sources: Mapping[int, str]
) -> list[KindOfAction]:
    """Return what there is to do over all sites: open findings of one kind and currency added up, the dearest first.

    Parameters
    ----------
    findings
        Of any site, as they are after its newest report.
    names, sources
        Of the sites that the overview is of, by id. Made-up sites are left out where any was measured.

    Notes
    -----
    Findings of low confidence count only where somebody plans to act on them. What has no price stands behind, by the
    number of its sites.
    """
    measured = {key for key in names if sources.get(key) != DataSource.SANDBOX} or set(names)
    known = [each for each in findings if each.site_id in measured and each.is_work]
    groups: dict[tuple[str, str | None], list[FollowedFinding]] = {}
    for each in rank_by_money(known):
        groups.setdefault((each.kind, each.currency if each.last_cost is not None else None), []).append(each)
    actions = [_action(kind, currency, own, names) for (kind, currency), own in groups.items()]
    return sorted(actions, key=lambda action: (-(action["weeklyCost"] or 0.0), -action["sites"], action["kind"]))


def _action(kind: str, currency: str | None, findings: list[FollowedFinding], names: Mapping[int, str]) -> KindOfAction:
    costs = [each.last_cost for each in findings if each.last_cost is not None]
    return {
        "kind": kind,
        "currency": currency,
        "sites": len({each.site_id for each in findings}),
        "weeklyCost": round(sum(costs), 2) if costs else None,
        "weeklyKwh": round(sum(each.last_energy_kwh or 0.0 for each in findings), 2),
        "findings": [
            {
                "siteId": each.site_id,
                "siteName": names[each.site_id],
                "lastingId": each.finding_id,
                "title": each.title,
                "channelName": each.meter_name,
                "weeklyCost": None if each.last_cost is None else round(each.last_cost, 2),
                "state": cast("OpenState", each.state),  # what is work is not solved
                "status": each.status,
                "weekNumber": each.week_number,
                "backAfterWeeks": each.back_after_weeks,
                "isGrown": each.is_grown,
                "week": each.week.isoformat(),
                "said": each.said,
                "owner": each.owner,
                "due": None if each.due is None else each.due.isoformat(),
            }
            for each in findings
        ],
    }


def sum_results(
    ledger: Iterable[LedgerEntry], judged: Iterable[JudgedKind], names: Mapping[int, str]
) -> PortfolioResults:
    """Return what acting on findings brought: `ledger` by currency, with the realized share, and `judged` by kind."""
    totals = total_ledger(entry for entry in ledger if entry.site_id in names)
    rows = total_judged(row for row in judged if row.site_id in names)
    return {
        "ledger": [
            {
                "currency": total.currency,
                "done": total.done,
                "judged": total.judged,
                "proved": total.proved,
                "stillThere": total.still_there,
                "claimedCost": round(total.claimed_cost, 2),
                "savedCost": {
                    "low": round(total.low_cost, 2),
                    "likely": round(total.saved_cost, 2),
                    "high": round(total.high_cost, 2),
                },
                "realizedPct": None if total.realized_pct is None else round(total.realized_pct, 1),
            }
            for total in totals
        ],
        "judged": [
            {
                "kind": row.kind,
                "judged": row.judged,
                "actedOn": row.acted_on,
                "notNeeded": row.not_needed,
                "wrong": row.wrong,
                "rightPct": round(row.right_pct, 1),
            }
            for row in rows
        ],
    }
