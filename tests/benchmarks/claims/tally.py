"""Adds up how many reports fared: right ones, precision, recall, and what each confidence is worth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.claims.judge import Verdict

CONFIDENCES = ("high", "medium", "low")


class Outcome(NamedTuple):
    """How the report on one made-up site fared."""

    kind: str
    seed: int
    is_held_out: bool
    verdict: Verdict


class Tally(NamedTuple):
    """Sums over reports; energies in kWh a week."""

    reports: int
    right: int
    claimed: float
    backed: float
    recurring: float
    found: float

    @property
    def precision(self) -> float | None:
        """Return the share of the claimed energy that is true, None where nothing is claimed."""
        return self.backed / self.claimed if self.claimed else None

    @property
    def recall(self) -> float | None:
        """Return the share of the recurring waste that is claimed, None where there is none."""
        return self.found / self.recurring if self.recurring else None


class Calibration(NamedTuple):
    """What the claims of one confidence are worth."""

    confidence: str
    claims: int
    true: int
    claimed_kwh: float
    true_kwh: float

    @property
    def true_share(self) -> float | None:
        """Return the share of the claims that are true, None where there are none."""
        return self.true / self.claims if self.claims else None


def add_up(outcomes: Sequence[Outcome]) -> Tally:
    """Return the sums over some reports."""
    verdicts = [outcome.verdict for outcome in outcomes]
    return Tally(
        len(verdicts),
        sum(not verdict.problems for verdict in verdicts),
        *(sum(getattr(verdict, name) for verdict in verdicts) for name in ("claimed", "backed", "recurring", "found")),
    )


def by_kind(outcomes: Sequence[Outcome]) -> dict[str, Tally]:
    """Return the sums of each kind of site, in order."""
    kinds = dict.fromkeys(outcome.kind for outcome in outcomes)
    return {kind: add_up([outcome for outcome in outcomes if outcome.kind == kind]) for kind in kinds}


def calibrate(outcomes: Sequence[Outcome]) -> list[Calibration]:
    """Return how many claims of each confidence are true."""
    claims = [judged for outcome in outcomes for judged in outcome.verdict.claims]
    rows = []
    for confidence in CONFIDENCES:
        own = [judged for judged in claims if judged.claim.confidence == confidence]
        claimed, true = sum(judged.claim.kwh for judged in own), sum(judged.true_kwh for judged in own)
        rows.append(Calibration(confidence, len(own), sum(judged.is_true for judged in own), claimed, true))
    return rows
