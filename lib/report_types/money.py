"""What energy costs and will be: tariffs compared, peaks, the forecast of the days ahead."""

from __future__ import annotations

from typing import Annotated, NotRequired, TypedDict

from lib.report_types.basics import Count, Day, Time, about


class ForecastHour(TypedDict):
    """An hour ahead, with the band that four of five hours fall into."""

    timestamp: Time
    predicted_kwh: float
    lower_bound: float
    upper_bound: float


class ForecastDay(TypedDict):
    """A day ahead."""

    date: Day
    predicted_kwh: float
    peak_hour_kwh: float


class ForecastSummary(TypedDict):
    """The days ahead in sum, and the days that the forecast learned from."""

    site_id: int
    horizon_days: int
    training_rows: Count
    forecast_hours: Count
    total_predicted_kwh: float
    total_last_7d_actual_kwh: float
    daily_forecast: list[ForecastDay]
    trend_direction: str
    trend_change_pct: float


class Forecast(TypedDict):
    """The energy of the days ahead."""

    forecast: list[ForecastHour]
    summary: ForecastSummary


class TariffPeriodUse(TypedDict):
    """What was used in a period of a tariff."""

    kwh: float
    cost: float
    hours: float
    pct_of_total_kwh: float
    rate: float


class LoadShift(TypedDict):
    """What moving load out of the dearest period could save."""

    on_peak_kwh: float
    potential_savings_per_kwh: float
    max_monthly_savings: float


class TouAnalysis(TypedDict):
    """The tariff by time of use beside a flat one."""

    total_kwh: float
    flat_rate: float
    flat_total_cost: float
    tou_total_cost: float
    tou_vs_flat_savings: float
    tou_vs_flat_pct: float
    period_breakdown: dict[str, TariffPeriodUse]
    load_shift_opportunity: LoadShift


class PeakEvent(TypedDict):
    """One of the highest peaks."""

    timestamp: Time
    demand_kw: float
    hour_of_day: int
    day_of_week: str


class ShavingScenario(TypedDict):
    """What lower peaks would save."""

    reduction_pct: float
    reduced_peak_kw: float
    monthly_savings: float
    annual_savings: float


class ProfileHour(TypedDict):
    """An hour of the day."""

    hour: int
    avg_kw: float
    max_kw: float


class PeakAdvice(TypedDict):
    """What to do about the peak."""

    priority: str
    category: str
    title: str
    detail: str
    kind: NotRequired[str]
    on_tariff: NotRequired[Annotated[str | None, about("On which it would be worth it; null is the site's own.")]]


class DemandAnalysis(TypedDict):
    """The peak, and what it costs."""

    billing_peak_kw: float
    peak_timestamp: Time
    demand_rate_per_kw: float
    monthly_demand_charge: float
    annual_demand_charge: float
    top_peak_events: list[PeakEvent]
    shaving_scenarios: list[ShavingScenario]
    load_profile: list[ProfileHour]
    weekday_peak_kw: float
    weekend_peak_kw: float
    peak_concentration_hours: list[int]
    recommendations: list[PeakAdvice]
    is_peak_estimated: NotRequired[
        Annotated[bool, about("In the peak a meter was not valid, and counts with what it drew at least.")]
    ]
    is_peak_at_least: NotRequired[
        Annotated[bool, about("The peak may have been higher: where a meter was not valid, or nothing is known.")]
    ]


class CostSummary(TypedDict):
    """Energy and demand together."""

    total_energy_kwh: float
    current_flat_cost: float
    tou_optimized_cost: float
    demand_charge: float
    estimated_monthly_savings_potential: float
    estimated_annual_savings_potential: float


class CostOptimization(TypedDict):
    """What energy costs, and what could be saved on the bill."""

    tou_analysis: TouAnalysis
    demand_analysis: DemandAnalysis
    combined_summary: CostSummary
