"""The weekly report."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from lib.report_types.basics import Unavailable, about
from lib.report_types.charts import Charts
from lib.report_types.electrical import ElectricalHealth
from lib.report_types.follow_up import FollowUp
from lib.report_types.head import WeeklyMetadata
from lib.report_types.money import CostOptimization, Forecast
from lib.report_types.sections import (
    AfterHoursWaste,
    Anomalies,
    LoadFacts,
    QuickWin,
    ScheduleDisagreements,
    SensorHealth,
    Spikes,
)
from lib.report_types.use import Consumption, DataQuality, WeekSummary


class Sections(TypedDict):
    """The week by question."""

    sensorHealth: SensorHealth
    afterHoursWaste: AfterHoursWaste
    anomalies: Anomalies
    spikes: Spikes
    quickWins: list[QuickWin]
    forecast: Forecast | Unavailable
    costOptimization: CostOptimization | Unavailable
    scheduleDisagreements: ScheduleDisagreements
    loadFacts: LoadFacts
    electricalHealth: ElectricalHealth | Unavailable


class WeeklyReport(TypedDict):
    """What deliver/generate_weekly_report.py writes. Readers may rely on every key that is required here; further keys
    may be added at any time. Energy is kWh, power kW, cost the site's currency; times carry their offset, and an
    interval is labelled by its start."""

    metadata: WeeklyMetadata
    summary: WeekSummary
    consumption: Consumption
    sections: Sections
    charts: Charts
    dataQuality: DataQuality
    methods: Annotated[dict[str, str], about("What each method that a finding's evidence names computes.")]
    followUp: NotRequired[
        Annotated[
            FollowUp,
            about("What became of the findings of earlier weeks; missing where the period is not seven local days."),
        ]
    ]
