"""What reports hold: the types of their JSON, from which `deliver/schemas/` is generated.

Each key stands here once, with its type, unit, meaning and limits. The code that makes and reads reports is checked
against them by mypy; reports themselves are checked against the schemas (`lib.report_schema`), since most come from a
file. Nothing here runs when a report is made: import from here under `TYPE_CHECKING`.

A report is read back from JSON, so its types are those of dictionaries (`TypedDict`); an enum's value is then its text,
which equals the member. Energy is kWh, power kW, cost the site's currency; times carry their offset, and an interval is
labelled by its start. Keys may be added at any time; one that is asked for (no `NotRequired`) raises
`lib.report_schema.REPORT_VERSION`.
"""
