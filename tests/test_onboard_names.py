"""What names say, in several spellings and languages, and what loads must look like to be believed."""

from __future__ import annotations

import pytest

from config.opening_hours import ScheduleTable
from config.site_file import Equipment
from lib.meter_sums import Confidence
from operations.onboarding import names
from operations.onboarding.place import HolidayPlace, find_place, guess_country
from operations.onboarding.shapes import Fit, Shape, judge_equipment

SAID = {
    "hvac": ["RTU-1", "Rooftop Unit 3", "Heat Pump 2", "Wärmepumpe", "Pompe à chaleur", "Bomba de calor"],
    "ventilation": ["AHU-1A", "ahu_2", "Kitchen exhaust hood", "Lüftung", "Ventilación", "Hotte cuisine"],
    "cooling": ["Chiller 1", "A/C 3", "AC-2", "Server room AC", "Klimaanlage", "Aire acondicionado", "Climatisation"],
    "heating": ["Heater", "Boiler 1", "Heizung", "Chauffage", "Calefacción", "Riscaldamento"],
    "lighting": ["Store Lights", "LTG PANEL 2", "Kitchen Lights", "Beleuchtung EG", "Éclairage", "Iluminación"],
    "refrigeration": ["Cold Rooms", "Walk-in freezer", "Kühlraum", "Cámara fría", "Chambre froide", "Frigo 2"],
    "cooking": ["Kitchen Ovens", "Fryer", "Backofen", "Horno 1", "Four à pizza", "Dishwasher"],
    "hot_water": ["Water Heater", "DHW", "Warmwasser", "Chauffe-eau", "Agua caliente", "Scaldabagno"],
    "compressed_air": ["Air Compressor", "Druckluft", "Aire comprimido", "Air comprimé"],
    "pumps": ["Well Pump", "Hot water pump", "Umwälzpumpe", "Bomba 3", "Pompe de relevage"],
    "it": ["Server rack", "UPS", "Data Center", "Serverraum", "Serveurs"],
    "ev_charging": ["EV 1", "EVSE-2", "EV Charger", "Wallbox", "Ladestation", "Borne de recharge"],
    "elevators": ["Elevator 1", "Lift", "Aufzug", "Ascensor", "Ascenseur"],
    "laundry": ["Dryer", "Washer 2", "Waschmaschine", "Lavandería", "Sèche-linge"],
    "plug_loads": ["Plugs 2nd floor", "Receptacles", "Steckdosen", "Prises bureau", "Enchufes"],
    "process": ["CNC mill", "Welder 4", "Conveyor"],
}  # fmt: skip


@pytest.mark.parametrize(("equipment", "name"), [(kind, name) for kind, listed in SAID.items() for name in listed])
def test_a_name_says_what_is_fed(equipment: str, name: str) -> None:
    said = names.name_equipment(name)
    assert said is not None
    assert said.equipment == Equipment(equipment)


@pytest.mark.parametrize(
    "name", ["Shop", "Evening", "Level 2", "Panel A", "", "‮", "Solar Roof", "PV inverter", "12345"]
)
def test_a_name_that_says_nothing_of_equipment(name: str) -> None:
    assert names.name_equipment(name) is None


@pytest.mark.parametrize(
    ("name", "is_plain"),
    [
        ("Kitchen", False),  # a place: it has lights and refrigerators too
        ("Kitchen ovens", True),
        ("Lights and plugs", False),
        ("Water Heater", True),
        ("Heat pump", True),
        ("Hot water pump", False),
        ("Server room AC", False),
    ],
)
def test_a_name_says_it_plainly_or_not(name: str, is_plain: bool) -> None:
    said = names.name_equipment(name)
    assert said is not None
    assert said.is_plain == is_plain


@pytest.mark.parametrize(
    ("says", "yes", "no"),
    [
        (names.says_generation, ["Solar Roof", "PV-Anlage", "Wechselrichter"], ["Solar water heater", "Inverter AC"]),
        (names.says_main, ["Main Panel", "MAINS", "Grid", "Hauptzähler"], ["Domain", "Maintenance", "Panel A"]),
        (names.says_test, ["Test", "test 2", "Dummy", "Prueba"], ["Latest", "Contest hall", "Attest"]),
        (names.says_storage, ["Battery", "BESS", "Batteriespeicher"], ["Bakery", "Storage room"]),
    ],
)  # fmt: skip
def test_other_words(says: object, yes: list[str], no: list[str]) -> None:
    assert callable(says)
    assert [name for name in yes if not says(name)] == []
    assert [name for name in no if says(name)] == []


STEADY = Shape(mean_kw=1.0, base_ratio=0.97, on_share=1.0, night_ratio=1.0, active_day_share=1.0)
BY_DAY = Shape(mean_kw=1.0, base_ratio=0.02, on_share=0.35, night_ratio=0.05, active_day_share=0.7)


@pytest.mark.parametrize(
    ("equipment", "of_steady", "of_by_day"),
    [
        (Equipment.REFRIGERATION, Fit.SUPPORTS, Fit.CONTRADICTS),
        (Equipment.IT, Fit.SUPPORTS, Fit.CONTRADICTS),
        (Equipment.LIGHTING, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.COOKING, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.EV_CHARGING, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.HOT_WATER, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.ELEVATORS, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.HVAC, Fit.CONTRADICTS, Fit.SUPPORTS),
        (Equipment.VENTILATION, Fit.NEUTRAL, Fit.NEUTRAL),
        (Equipment.PLUG_LOADS, Fit.NEUTRAL, Fit.SUPPORTS),
    ],
)
def test_a_shape_supports_or_contradicts(equipment: Equipment, of_steady: Fit, of_by_day: Fit) -> None:
    assert (judge_equipment(equipment, STEADY).fit, judge_equipment(equipment, BY_DAY).fit) == (of_steady, of_by_day)


@pytest.mark.parametrize(
    ("night_ratio", "active_day_share", "fit"),
    [(0.25, 0.9, Fit.NEUTRAL), (0.24, 0.9, Fit.CONTRADICTS), (0.25, 0.89, Fit.CONTRADICTS), (0.4, 0.9, Fit.SUPPORTS)],
)
def test_the_limits_of_refrigeration(night_ratio: float, active_day_share: float, fit: Fit) -> None:
    shape = STEADY._replace(night_ratio=night_ratio, active_day_share=active_day_share)
    assert judge_equipment(Equipment.REFRIGERATION, shape).fit == fit


@pytest.mark.parametrize(
    ("country", "state", "codes"),
    [
        ("US", "NC", ("US", "NC", Confidence.HIGH)),
        (" United States ", "north carolina", ("US", "NC", Confidence.HIGH)),
        ("USA", None, ("US", None, Confidence.MEDIUM)),
        ("Deutschland", "Bayern", ("DE", "BY", Confidence.HIGH)),
        ("México", "Nowhere", ("MX", None, Confidence.MEDIUM)),
        ("Atlantis", "NC", (None, None, Confidence.LOW)),
        (None, "NC", (None, None, Confidence.LOW)),
    ],
)
def test_a_place_is_told_by_its_codes_or_names(
    country: str | None, state: str | None, codes: tuple[str | None, str | None, Confidence]
) -> None:
    place = find_place(country, state)
    assert place[:3] == codes
    assert bool(place.note) == (place.state is None)
    ScheduleTable(country=place.country, state=place.state).to_schedule()


@pytest.mark.parametrize(
    ("zone", "country"),
    [("America/Chicago", "US"), ("Europe/Berlin", "DE"), ("UTC", None), ("Etc/GMT+5", None), ("US/Eastern", None)],
)
def test_a_country_is_guessed_from_its_zone(zone: str, country: str | None) -> None:
    assert guess_country(zone) == country


def test_a_place_without_note_is_whole() -> None:
    assert find_place("GB", "England") == HolidayPlace("GB", "ENG", Confidence.HIGH)
