"""The customer report in sentences, for people who run the building and not the meters. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliver.words import formats as fmt
from deliver.words.week import period_name, use_against_normal

if TYPE_CHECKING:
    from lib.report_types.head import Period


def customer_result(energy: dict[str, Any], period: Period, actions: int, to_check: int) -> str:
    """Return what was used against normal, and whether there is anything to do, or to check."""
    todo = "Nothing for you to do"
    if actions:
        todo = f"{fmt.count(actions, 'thing')} you can do"
    elif to_check:
        todo = f"{fmt.count(to_check, 'thing')} to check"
    return f"{period_name(period)} your building used {use_against_normal(energy)}. {todo}."


def customer_notes(report: dict[str, Any], currency: str | None) -> list[str]:
    """Return what is behind the figures of the head, one fact each."""
    savings, lines = report["savings"], []
    if report["energy"].get("mayCountTwice"):
        lines.append("Some energy may be counted twice: how the meters fit together is not confirmed yet.")
    if savings["estimatedAnnual"]:
        lines.append(f"Worth about {fmt.money(savings['estimatedAnnual'], currency)} a year if it stays that way.")
    if savings["newKwh"]:
        worth = fmt.money(savings["newCost"], currency)
        lines.append(
            f"New this week: {fmt.kwh(savings['newKwh'])}, {worth}. If it goes on, it costs as much every week."
        )
    if savings["onceKwh"]:
        worth = fmt.money(savings["onceCost"], currency)
        lines.append(f"One-time: {fmt.kwh(savings['onceKwh'])}, {worth}, not in the weekly or annual totals.")
    more = report["moreActions"]
    if more:
        lines.append(f"The weekly report has {more} more, not included in these figures.")
    return lines
