"""The section on findings from week to week counts as the report and the portal do."""

from deliver.pages.weekly_follow_up import follow_up_fact


def finding(confidence: str, *, said: str | None = None, is_silent: bool = False) -> dict[str, object]:
    return {"confidence": confidence, "said": said, "isSilent": is_silent}


def fact(*findings: dict[str, object], last_week: str | None = "2026-11-16") -> str:
    return follow_up_fact({"followUp": {"findings": list(findings), "lastWeek": last_week}}).replace("\u00a0", " ")


def test_what_is_of_low_confidence_is_counted_apart() -> None:
    assert fact(finding("high"), finding("medium"), finding("low")) == "2 findings and 1 of low confidence"
    assert fact(finding("high"), last_week=None) == "1 finding, all new: this is the first report"


def test_what_somebody_planned_counts_and_what_was_accepted_does_not() -> None:
    assert fact(finding("low", said="planned"), finding("high", is_silent=True)) == "1 finding"
