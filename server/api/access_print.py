"""The access log of one patient on paper, in bokmål: who, when, what and why. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape
from types import MappingProxyType
from typing import Final

from server.clinical.here import HERE
from server.store.access_log import Entry

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nurse": "sykepleier",
        "coordinator": "koordinator",
        "doctor": "lege",
        "technician": "tekniker",
        "administrator": "administrator",
        "auditor": "revisor",
    }
)
DEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "board": "Så oversikten over teamets pasienter",
        "live": "Fulgte oversikten over teamets pasienter på skjerm",
        "emergency": "Tok seg tilgang i en nødsituasjon",
        "log": "Leste denne loggen",
    }
)
# By the first words of what was logged; the rest of it follows as it stands.
LOOKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "series": "Så på målinger",
        "days": "Så på målinger dag for dag",
        "readings": "Så på lagrede målinger",
        "story": "Så på forløp",
        "devices": "Så på utstyr",
        "news2": "Så på NEWS2",
        "glucose": "Så på glukoserapport",
        "exacerbation": "Så på tegn til forverring",
        "alert": "Så på varsel",
        "limits": "Så på grenser",
        "rules": "Så på regler",
        "plan": "Så på måleplan",
        "facts": "Så på opplysninger",
        "excuses": "Så på fravær",
        "baseline": "Så på personlig normalverdi",
        "changes": "Så på endringer",
        "tries": "Prøvde grenser",
        "home_rules": "Så på regler for hjemmet",
        "person": "Så på personopplysninger",
        "national number": "Så på fødselsnummer",
        "address": "Så på adresse",
        "access": "Så på hvordan man kommer inn",
        "access code": "Så på nøkkelkode",
        "contacts": "Så på pårørende",
        "individual_plan": "Så på individuell plan",
        "self_treatment": "Så på egenbehandlingsplan",
        "dispatch of alert": "Så på opplysninger til utrykning, varsel",
        "possible double": "Lette etter en mulig dobbeltregistrering",
        "found": "Så pasienten i et søk",
        "merges into": "Slo sammen med pasient nummer",
        "silence": "Så på hjem som er stille, varsel",
    }
)
PAGE: Final = """<!doctype html>
<html lang="nb">
<meta charset="utf-8">
<title>Logg over innsyn</title>
<h1>Hvem har sett opplysninger om {name}</h1>
<p>Født {born}. Skrevet ut {at} (norsk tid). {count} innslag, de nyeste først.{more}</p>
<table border="1">
<thead><tr><th>Når</th><th>Hvem</th><th>Hva</th><th>Hvorfor</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</html>
"""


def page(name: str, born_on: date, entries: Sequence[Entry], *, more: bool, now: datetime) -> str:
    return PAGE.format(
        name=escape(name),
        born=f"{born_on:%d.%m.%Y}",
        at=_when(now),
        count=len(entries),
        more=" Eldre innslag finnes." if more else "",
        rows="\n".join(_row(each) for each in entries),
    )


def _row(entry: Entry) -> str:
    cells = (_when(entry.at), entry.staff_name, _what(entry), _why(entry))
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _when(at: datetime) -> str:
    return f"{at.astimezone(HERE):%d.%m.%Y kl. %H:%M:%S}"


def _what(entry: Entry) -> str:
    if entry.deed in DEEDS:
        return DEEDS[entry.deed]
    if entry.deed == "change":
        return f"Endret: {entry.what}"
    known = max((each for each in LOOKS if f"{entry.what} ".startswith(f"{each} ")), key=len, default="")
    return f"{LOOKS.get(known, '')}{entry.what.removeprefix(known)}".strip()


def _why(entry: Entry) -> str:
    team = entry.team_name or f"team {entry.team}"
    if entry.role is not None:
        return f"{ROLES.get(entry.role, entry.role).capitalize()} i {team}, som har ansvaret for pasienten"
    if entry.reason is not None:
        return f"Nødtilgang, begrunnet slik: {entry.reason}"
    return f"Var ikke med i {team} på dette tidspunktet"
