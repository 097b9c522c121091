"""What the name of a channel says, in the languages of the service's customers. Pure.

Names are compared without case and accents: English, Spanish, German, French, Italian, Portuguese, Dutch.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from config.site_file import Equipment

# The first that matches is meant: "Kitchen lights" are lights, and a "heat pump" is no pump.
_EQUIPMENT: tuple[tuple[Equipment, str], ...] = (
    (
        Equipment.EV_CHARGING,
        r"\bev ?(charg\w*|station|\d+)?\b|evse|wall ?box|car charg|charging (station|point)|ladestation|ladesaule"
        r"|ladepunkt|borne de recharge|recharge ve|cargador(es)? (de )?(ve|coche|vehiculo)|carregador|colonnin|laadpa",
    ),
    (
        Equipment.LIGHTING,
        r"\b(light|lights|lighting|lamps?|ltg|leds?)\b|\w*beleuchtung|\b(\w*licht|lampen|leuchten)\b|eclairage"
        r"|luminaire|iluminac|alumbrado|\bluces\b|\bluz(es)?\b|illuminaz|\bluci\b|verlichting",
    ),
    (Equipment.PUMPS, r"(?<!heat )(?<!de calor )(?<!a chaleur )\bpumps?( \w?\d*)?$"),
    (
        Equipment.HOT_WATER,
        r"water ?heat|hot ?water|\bdhw\b|\bwh ?\d\b|warmwasser|trinkwasser|wassererwarm|durchlauferhitzer|chauffe ?eau"
        r"|eau chaude|\becs\b|agua (caliente|quente)|calentador|\btermo\b|\bacs\b|scaldabagn|scalda ?acqua"
        r"|acqua calda|warm ?water|boiler elettric",
    ),
    (
        Equipment.COMPRESSED_AIR,
        r"air compress|compressed air|druckluft|air comprime|compresseur d ?air|aire comprimido|ar comprimido"
        r"|aria compressa|perslucht|compresor de aire",
    ),
    (
        Equipment.HVAC,
        r"\bhvac\b|\brtu|roof ?top (unit|pack)|\brooftop\b|heat ?pump|warmepumpe|pompe a chaleur|bomba de calor"
        r"|pompa di calore|warmtepomp|fan ?coil|\b(vrf|vrv|fcu|wshp|ptac|cvc|hlk|hkl|shk)s?\b|climatizacion|clima\b",
    ),
    (
        Equipment.REFRIGERATION,
        r"refriger|fridge|freezer|walk ?in|cold ?(room|stor|case|box)|\bcooler\b|ice ?(machine|maker)|compressor rack"
        r"|rack compress|kuhl(raum|schrank|zelle|theke|regal|mobel|haus)|tiefkuhl|gefrier|camara (fria|frigor)|nevera"
        r"|congelador|frigorific|chambre froide|\bfrigo|congelat|cella frigo|geladeira|koel(cel|kast|ing)|vriez"
        r"|diepvries",
    ),
    (
        Equipment.COOLING,
        r"chiller|air ?con(d\w*)?\b|\ba ?c( ?\d+)?\b|\bcra[ch]\b|\bcooling|condens(er|ing unit)|kalte(maschine|anlage)"
        r"|\bkalte\b|klima(anlage|gerat)?\b|kuhlung|climatis|\bclim\b|aire acond|enfriador|enfriamiento|ar condicionado"
        r"|condizion|refroidiss|mini ?split|\bsplit\b|airco\b",
    ),
    (
        Equipment.VENTILATION,
        r"\bahu|air ?handl|ventilat|ventilac|ventilaz|\bfans?\b|exhaust|\bhood|make ?up air|luftung"
        r"|\b(mau|doas|erv|hrv|vav|cta|rlt|uta)s?\b|abluft|zuluft|extrac(tor|cion|teur)|\bhotte|dunstabzug|\bcappa|afzuig",
    ),
    (
        Equipment.ELEVATORS,
        r"elevator|\blifts?\b|escalator|aufzug|aufzuge|fahrstuhl|rolltreppe|ascens|elevador|montacargas|montacarichi",
    ),
    (
        Equipment.LAUNDRY,
        r"laundry|\bdryers?\b|\bwashers?\b|washing machine|clothes|wascherei|trockner|waschmaschine|lavander|lavadora"
        r"|secadora|buanderie|seche ?linge|lave ?linge|asciugatric|lavatric|wasserij|wasmachine|wasdroger|droger",
    ),
    (
        Equipment.IT,
        r"\bservers?\b|serverraum|data ?cent|\bups\b|\busv\b|\b(idf|mdf)\b|comms? (room|rack)|network|server ?rack"
        r"|telecom|rechenzentrum|\bedv\b|informati(que|ca|k)|servidor|serveur|onduleur|\bsai\b|\bcpd\b|\bced\b",
    ),
    (
        Equipment.COOKING,
        r"\bovens?\b|\bstoves?\b|\bcooktop|\bfryers?\b|\bgrill|griddle|steamer|\bcombi\b|\bkitchen|cooking|kuche"
        r"|backofen|ofen\b|herd\b|fritteuse|cuisine|\bfours?\b|friteuse|cocina|horno|freidora|cucina|\bfornell|\bforn[oi]\b"
        r"|cozinha|keuken|dish ?wash|bakery",
    ),
    (Equipment.PUMPS, r"\w*pumps?\b|\w*pumpen?\b|\bbombas?\b|\bpompes?\b|\bpomp[ae]\b|\w*pompen?\b"),
    (
        Equipment.HEATING,
        r"\bheat(er|ers|ing)?\b|furnace|radiator|\bboilers?\b|baseboard|heizung|heizkorper|heizkessel|\w*kessel\b|chauff"
        r"|chaudiere|calefac|caldera|riscald|caldaia|aqueciment|verwarming|infrared",
    ),
    (
        Equipment.PROCESS,
        r"\bweld|\bcnc\b|\blathe|\bmill(ing)?\b|conveyor|extruder|inject|\bpress(e|es)?\b|production line|\bprocess\b"
        r"|schweiss|drehmaschine|fraser|forderband|soudure|prensa|pressa|kiln|furnace \d",
    ),
    (
        Equipment.PLUG_LOADS,
        r"\bplugs?\b|plug ?load|receptacle|outlets?\b|sockets?\b|small power|workstation|steckdose|prises?\b|enchufe"
        r"|tomacorriente|tomadas?\b|\bprese\b|stopcontact",
    ),
)
_GENERATION = re.compile(
    r"solar|\bsun\b|\bpv\b|photovolt|fotovolt|fotovolta|inverter|wechselrichter|\bwind (turbine|power)|eolic|eolien"
    r"|zonnepanelen|onduleur (pv|solaire)"
)
_SUN_LOAD = re.compile(r"solar (heat|thermal|water|pump|light)|solarthermie|inverter (ac|a c|air|split|pump)")
_MAIN = re.compile(
    r"\bmains?\b|\btotal|incomer|incoming|\bgrid\b|utility|service entrance|\b(mdp|msb|mcc|tgbt|nshv)\b|haupt|\bnetz"
    r"|whole (site|building)|gesamt|acometida|\bgeneral\b|principal|generale?\b|arrivee|compteur|hoofd|\bgeral\b"
    r"|contatore"
)
_STORAGE = re.compile(r"batter|\bbess\b|energy storage|speicher|\bakku|stockage|almacenamiento|accumul|powerwall")
_PANEL = re.compile(
    r"\bpanel\b|\bsub ?(panel|main|board)|\bdb ?\d|distribution|verteil|tablero|cuadro|tableau|quadro|verdeel"
)
_TEST = re.compile(
    r"\b(tests?|testing|tester|dummy|demo|sample|prueba|ensayo|essai|prova|teste|proef)\b|^test|\btest\d"
)
_SPARE = re.compile(r"\b(spare|unused|not used|reserved?|reserva|libre|reserve|leer|frei|vuoto|libero|unbenutzt)\b")
_DWELLING = re.compile(
    r"\bhouse\b|\bhome\b|bedroom|bathroom|living room|garage|\bdryer\b|\bwasher\b|\brefrigerator\b|\brange\b|dwelling"
    r"|apartment|residen|wohn|\bcasa\b|maison|\bhuis\b|basement|water heater|air conditioner|dishwasher|microwave"
)
_PATTERNS = tuple((equipment, re.compile(pattern)) for equipment, pattern in _EQUIPMENT)
# They say where, and only perhaps what: a kitchen has lights and refrigerators too.
_PLACE = re.compile(r"kitchen|kuche|cuisine|cocina|cucina|cozinha|keuken|bakery|network|informatica|\bedv\b")


class NamedEquipment(NamedTuple):
    """What a name says that a channel feeds: by which word, and whether it says so alone and plainly."""

    equipment: Equipment
    word: str
    is_plain: bool


def plain(name: str) -> str:
    """Return a name without case, accents and punctuation, its words a blank apart."""
    text = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss"))
    kept = "".join(character for character in text if not unicodedata.combining(character))
    return re.sub(r"[^\w]+|_", " ", kept).strip()


def name_equipment(name: str) -> NamedEquipment | None:
    """Return what the name says that the channel feeds, None where it says nothing."""
    text = plain(name)
    found = [(equipment, match) for equipment, pattern in _PATTERNS if (match := _search(pattern, text))]
    if not found or says_generation(name):
        return None
    equipment, first = found[0]
    # What lies within the words of the first is no word of its own: the "pump" of a heat pump, the "heater" of water.
    end = text.find(" ", first.end())
    end = len(text) if end < 0 else end
    apart = [
        match
        for other, match in found[1:]
        if other is not equipment
        and not _PLACE.search(match.group())
        and (match.start() >= end or match.end() <= first.start())
    ]
    word = text[text.rfind(" ", 0, first.start() + 1) + 1 : end].strip()
    return NamedEquipment(equipment, word, not apart and not _PLACE.search(first.group()))


def _search(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first match that is more than a place, else the first."""
    matches = list(pattern.finditer(text))
    return next((match for match in matches if not _PLACE.search(match.group())), matches[0] if matches else None)


def says_generation(name: str) -> bool:
    """Return whether the name is that of something that generates."""
    text = plain(name)
    return _GENERATION.search(text) is not None and _SUN_LOAD.search(text) is None


def says_main(name: str) -> bool:
    """Return whether the name is that of a main meter."""
    return _MAIN.search(plain(name)) is not None


def says_storage(name: str) -> bool:
    """Return whether the name is that of a battery."""
    return _STORAGE.search(plain(name)) is not None


def says_panel(name: str) -> bool:
    """Return whether the name is that of a panel, which holds more than one load."""
    return _PANEL.search(plain(name)) is not None and not says_generation(name)


def says_test(name: str) -> bool:
    """Return whether the name looks like that of a trial."""
    return _TEST.search(plain(name)) is not None


def says_spare(name: str) -> bool:
    """Return whether the name looks like that of an unused input."""
    return _SPARE.search(plain(name)) is not None


def says_dwelling(name: str) -> bool:
    """Return whether the name is one that is found in homes."""
    return _DWELLING.search(plain(name)) is not None
