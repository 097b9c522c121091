"""The head of a report in sentences: what happened, what needs attention, and what the figures rest on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from deliver.words import formats as fmt
from deliver.words.hours import describe_schedule, join
from lib.states import Level

if TYPE_CHECKING:
    from lib.report_types.head import Period

_MAX_RISKS, _MAX_OPPORTUNITIES, _MAX_NAMES = 5, 3, 3
_ESTIMATE_MIN_SHARE = 0.005  # below half a percent of the total an estimate is not worth a sentence
_NOT_COMPARABLE = {
    "no_like_days": "too few similar days before it",
    "too_little_valid": "too many readings are missing or wrong",
    "generation_behind_meter": "the meter shows use net of generation",
    "next_to_nothing_usual": "normal is next to nothing",
}
_WEEK = timedelta(days=7)


def tell_week(
    summary: dict[str, Any],
    sections: dict[str, Any],
    consumption: dict[str, Any],
    data_quality: dict[str, Any],
    period: Period,
) -> dict[str, Any]:
    """Return the report's `summary`: what a reader who reads nothing else should know.

    Parameters
    ----------
    summary
        The facts (`analyze.week.summary.build_summary`).
    period
        `start` and `end` of the report, as its metadata have them.
    """
    attention = [item | {"text": attention_text(item, sections)} for item in summary["attention"]]
    result = result_text(consumption, data_quality, attention, period)
    doubts = doubt_lines(consumption, data_quality)
    savings = summary["totalPotentialSavings"]
    return {
        "result": result,
        "notes": doubts,
        "assumptions": assumption_lines(consumption["cost"], sections["afterHoursWaste"]["schedule"]),
        "headline": [result, *doubts, *savings_lines(sections["quickWins"], savings, consumption["totalKwh"]),
                     data_line(sections, data_quality)],
        "attention": attention,
        "topRisks": [risk_text(risk, sections) for risk in summary["risks"]][:_MAX_RISKS],
        "topOpportunities": top_opportunities(sections["quickWins"]),
        "totalPotentialSavings": savings | {"note": exclusive_note(savings)},
    }  # fmt: skip


def period_name(period: Period) -> str:
    """Return how a period is called at the beginning of a sentence: ``This week``, or its days."""
    start, end = (datetime.fromisoformat(period[key]).replace(tzinfo=None) for key in ("start", "end"))
    return "This week" if end - start == _WEEK else fmt.short_period(period["start"], period["end"])


def mail_subject(site_name: str, result: str, period: Period) -> str:
    """Return the subject of the mail that brings a report: the site, the days, and what happened."""
    days = fmt.short_period(period["start"], period["end"])
    told = result.removeprefix(f"{period_name(period)}: ").removeprefix(f"{period_name(period)} ")
    return f"{site_name}, {days}: {told}"


def result_text(
    consumption: dict[str, Any],
    data_quality: dict[str, Any],
    attention: Sequence[dict[str, Any]],
    period: Period,
) -> str:
    """Return the sentences that a manager reads: what was used against normal, and whether anything needs attention."""
    name = period_name(period)
    if not data_quality["channelsAnalyzed"]:
        return f"{name}: no valid readings; see which meters need attention."
    return f"{name}: {use_against_normal(consumption)}. {_attention_sentence(attention)}"


def use_against_normal(use: dict[str, Any]) -> str:
    """Return the energy used beside what is normal, such as ``2,078 kWh, 1 % below normal``."""
    least = "at least " if use.get("isAtLeast") else ""
    return f"{least}{fmt.kwh(use['totalKwh'])}{describe_change(use)}"


def _attention_sentence(attention: Sequence[dict[str, Any]]) -> str:
    if not attention:
        return "Nothing needs attention."
    count = len(attention)
    first = attention[0]["channelName"] or "the site's peak"
    above_all = f": {first}" if count == 1 else f", first {first}"
    return f"{fmt.count(count, 'thing')} {'needs' if count == 1 else 'need'} attention{above_all}."


def describe_change(consumption: dict[str, Any]) -> str:
    """Return the comparison with normal, to follow the energy; or why there is none."""
    change_pct, comparison = consumption["changePct"], consumption.get("comparison")
    if change_pct is None:
        return f" ({why_not_compared(consumption)})"
    partly = comparison and comparison["meters"] != comparison["ofMeters"]
    meters = f" ({comparison['meters']} of {comparison['ofMeters']} meters compared)" if comparison and partly else ""
    return f", {change_words(change_pct)}{meters}"


def change_words(change_pct: float) -> str:
    """Return a change against normal, such as ``7 % above normal``."""
    if round(change_pct) == 0:
        return "as normal"
    return f"{fmt.pct(abs(change_pct))} {'above' if change_pct > 0 else 'below'} normal"


def why_not_compared(consumption: dict[str, Any]) -> str:
    """Return in words why a period is not compared; reports of before tell no reason."""
    reason = (consumption.get("comparison") or {}).get("reason")
    return f"not comparable: {_NOT_COMPARABLE[reason]}" if reason in _NOT_COMPARABLE else "no week to compare with"


def assumption_lines(cost: dict[str, Any], schedule: dict[str, Any]) -> list[str]:
    """Return what figures of money and of closed hours take for granted and nobody confirmed."""
    lines = price_assumptions(cost)
    if schedule["isAssumed"]:
        lines.append(str(describe_schedule(schedule)["note"]))
    return lines


def price_assumptions(cost: dict[str, Any]) -> list[str]:
    """Return that nobody confirmed the price on which amounts rest; nothing where somebody did."""
    if not cost.get("isAssumed"):
        return []
    rate = cost.get("averagePerKwh")
    price = f"{fmt.rate(rate, cost['currency'])} per kWh" if rate else "the price of energy"
    return [f"Price not confirmed: {price} assumed."]


def doubt_lines(consumption: dict[str, Any], data_quality: dict[str, Any]) -> list[str]:
    """Return what of the total is not as metered, and what is not in it."""
    lines, total_kwh, estimated_kwh = [], consumption["totalKwh"], consumption["estimatedKwh"]
    names = list(dict.fromkeys(question["channelName"] for question in data_quality.get("openQuestions", [])))
    if names:
        verb = "fits" if len(names) == 1 else "fit"
        lines.append(f"Some energy may be counted twice: not confirmed how {_some(names)} {verb} with other meters.")
    if abs(estimated_kwh) >= _ESTIMATE_MIN_SHARE * abs(total_kwh) and estimated_kwh != 0:
        lines.append(f"{fmt.kwh(estimated_kwh)} of it is estimated: readings are missing or wrong.")
    unknown = [row["channelName"] for row in consumption["notEstimated"]]
    if consumption["isAtLeast"] and unknown:
        lines.append(f"Not included, because too few readings arrived: {_some(unknown)}.")
    exported_kwh = consumption["exportedKwh"]
    if exported_kwh >= _ESTIMATE_MIN_SHARE * (abs(total_kwh) + exported_kwh) and exported_kwh > 0:
        lines.append(f"Net of {fmt.kwh(exported_kwh)} exported. Costs cover imported energy only.")
    return lines


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = list(names) if len(names) <= _MAX_NAMES else [*names[:_MAX_NAMES], f"{len(names) - _MAX_NAMES} more"]
    return join(shown)


def savings_lines(wins: list[dict[str, Any]], savings: dict[str, Any], total_kwh: float) -> list[str]:
    """Return what could be saved every week, what is new, what happened once, and what is asked."""
    currency, lines = savings["currency"], []
    if savings["recurringKwh"]:
        share = f" ({fmt.pct(savings['recurringSharePct'])} of its use)" if savings.get("recurringSharePct") else ""
        lines.append(
            f"Runs while the site is closed, every week: {fmt.kwh(savings['recurringKwh'])} a week{share}, "
            f"{fmt.money(savings['recurringCost'], currency)}."
        )
    if savings["newKwh"]:
        lines.append(
            f"New this week, left on while the site was closed: {fmt.kwh(savings['newKwh'])}, "
            f"{fmt.money(savings['newCost'], currency)}. If it goes on, it costs as much every week."
        )
    if savings["onceKwh"]:
        lines.append(
            f"One-time: {fmt.kwh(savings['onceKwh'])}, {fmt.money(savings['onceCost'], currency)}, not in the weekly "
            "or annual totals."
        )
    if savings["unconfirmedWeeklyKwh"]:
        names = [win["channelName"] for win in wins if win.get("pattern") == "asked"]
        verb = "runs" if len(names) == 1 else "run"
        lines.append(
            f"To confirm: {_some(names)} {verb} every week while the site is closed, "
            f"{fmt.kwh(savings['unconfirmedWeeklyKwh'])} a week."
        )
    if savings.get("lowConfidenceKwh"):
        amount = f"{fmt.kwh(savings['lowConfidenceKwh'])}, {fmt.money(savings['lowConfidenceCost'], currency)}"
        lines.append(f"Low confidence: {amount}, not included in any total.")
    return lines or ["No savings found."]


def data_line(sections: dict[str, Any], data_quality: dict[str, Any]) -> str:
    """Return how complete the data are, and how many meters have a serious issue."""
    high = sections["sensorHealth"]["bySeverity"][Level.HIGH]
    issues = f"{fmt.count(high, 'serious meter issue')}" if high else "no serious meter issue"
    return (
        f"Data: {fmt.pct(data_quality['avgCompleteness'], 1)} complete over "
        f"{fmt.count(data_quality['energyMeters'], 'meter')}; {issues}."
    )


def top_opportunities(wins: list[dict[str, Any]]) -> list[str]:
    """Return the titles of the best savings, then of the questions, and of the repairs."""
    first = [win["title"] for win in wins if _is_believed(win)]
    asked = [win["title"] for win in wins if win.get("pattern") == "asked"]
    return [*first, *asked, *(win["title"] for win in wins if win["type"] == "repair")][:_MAX_OPPORTUNITIES]


def _is_believed(win: dict[str, Any]) -> bool:
    return win.get("pattern") in ("recurring", "new", "once") and win["confidence"] != Level.LOW


def exclusive_note(savings: dict[str, Any]) -> str | None:
    """Return that savings on two tariffs do not add up; None where there is one."""
    own, other = savings.get("tariff"), savings.get("costOptimizationTariff")
    if own == other or not savings.get("costOptimizationMonthly"):
        return None
    return (
        "Savings are priced on the site's tariff; what moving load and lowering the peak could save is on the tariff "
        "it is compared with. A site pays one of the two: these savings do not add up."
    )


def attention_text(item: dict[str, Any], sections: dict[str, Any]) -> str:
    """Return one thing that needs attention in one line; `sections` are in words already."""
    wins = sections["quickWins"]
    win = next((win for win in wins if item.get("winId") and win.get("findingId") == item["winId"]), None)
    if win is not None:
        return str(win["title"])
    return str(item["channelName"]) if item["kind"] == "saving" else risk_text(item, sections)


def risk_text(risk: dict[str, Any], sections: dict[str, Any]) -> str:
    """Return what may cost or mislead, in one line."""
    name, kind = risk["channelName"], risk["kind"]
    if kind == "meter":
        issues = (each for each in sections["sensorHealth"]["issues"] if each["channelId"] == risk["channelId"])
        return next(str(each["description"]) for each in issues if each["type"] == risk["issue"])
    if kind == "level":
        return f"{name}: {_level(risk)}"
    if kind == "high_use":
        times = "once" if risk["periods"] == 1 else f"in {risk['periods']} periods"
        return f"{name}: {fmt.kwh(risk['kwh'])} above normal, {'while closed' if risk['isWhileClosed'] else times}"
    if kind == "low_use":
        return f"{name}: {fmt.kwh(risk['kwh'])} below normal, {fmt.span(risk['start'], risk['end'])}"
    return (
        f"Site peak: {fmt.kw(risk['powerKw'])}, {fmt.span(risk['start'], risk['end'])} "
        f"(normal peak {fmt.kw(risk['usualKw'])})"
    )


def _level(step: dict[str, Any]) -> str:
    """Return a level that changed for good."""
    share = f" ({fmt.signed_pct(step['risePct'])})" if step["risePct"] is not None else ""
    how = "drifted" if step["isDrift"] else "changed"
    more = step["excessKwh"]
    weather = "; possibly the weather" if step["mayBeWeather"] else ""
    amount = f"{fmt.kwh(abs(more))} {'more' if more >= 0 else 'less'} this week"
    return (
        f"level {how} from {fmt.kw(step['beforeKw'])} to {fmt.kw(step['afterKw'])}{share} on {fmt.day(step['at'])}, "
        f"{amount}{weather}"
    )
