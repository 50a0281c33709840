"""A patient's record with something in each part of it, as months of work would have left it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from devices.vocabulary import KINDS, EventType, Kind
from server.store import hours
from tests.integration.care_rig import done, get, send
from tests.integration.conftest import Api, Town

LONG = "Åse-Karin Hammerfjeld-Østensjøvik Brattbakk-Skjærgårdsvik"

# `%(n)s` readings, `%(every)s` seconds apart, up to `%(to)s`; those in the gap are left out.
STREAM = """
    insert into observation
    select %(patient)s, %(kind)s, at, %(span)s, %(device)s, v, v - %(spread)s, v + %(spread)s,
           case when %(spread)s::float8 is null then 1 else 20 end, 0, 0, 0, %(mode)s, at
    from generate_series(0, %(n)s - 1) i
    cross join lateral (
        select i * %(every)s as s, %(to)s::timestamptz - make_interval(secs => i * %(every)s) as at
    ) times
    cross join lateral (
        select round((%(middle)s + %(swing)s * (sin(s / 13700.0) + 0.4 * sin(i * 7.3)))::numeric, 1)::float8 as v
    ) points
    where at not between %(gap_from)s and %(gap_to)s
"""
LATEST = """
    insert into latest
    (patient_id, kind, taken_at, value, quality, sign, mode, clock, device_id, received_at, batch, span_s)
    select patient_id, kind, taken_at, value, 0, 0, mode, 0, device_id, taken_at, nextval('ingest_batch'), span_s
    from observation
    where patient_id = %(patient)s and kind = %(kind)s order by taken_at desc limit 1
    on conflict (patient_id, kind)
    do update set taken_at = excluded.taken_at, value = excluded.value, batch = excluded.batch
"""


@dataclass(kw_only=True)
class Stream:
    """Readings of one kind that end at `to`."""

    kind: Kind
    n: int
    every: float
    middle: float
    swing: float
    mode: int = 0
    span: float = 0.0
    spread: float | None = None
    gap: tuple[float, float] = (-2.0, -1.0)
    """hours before `to`"""


def fill(town: Town, name: str, stream: Stream, to: datetime) -> None:
    given = {
        "patient": town.patients[name],
        "device": town.devices[name],
        "kind": KINDS[stream.kind].number,
        "to": to,
        "n": stream.n,
        "every": stream.every,
        "middle": stream.middle,
        "swing": stream.swing,
        "mode": stream.mode,
        "span": stream.span,
        "spread": stream.spread,
        "gap_from": to - timedelta(hours=stream.gap[0]),
        "gap_to": to - timedelta(hours=stream.gap[1]),
    }
    first = to - timedelta(seconds=stream.n * stream.every)
    days = [first + timedelta(days=day) for day in range((to - first).days + 2)]
    with town.connection() as conn:
        conn.execute("select observation_days(%s::timestamptz[])", (days,))
        conn.execute(STREAM.encode(), given)
        conn.execute(LATEST.encode(), given)
        hours.touch_between(conn, [(given["patient"], given["kind"], first, to)])


def happens(town: Town, name: str, type_: EventType, at: datetime, *, of_home: bool = False) -> None:
    insert = """insert into event
                (device_id, slot, type, occurred_at, received_at, clock, patient_id, home_id, gateway_id)
                select %s, 0, %s, %s, %s, 0, %s, %s, id from gateway where name = %s"""
    patient, home = (None, town.homes[name]) if of_home else (town.patients[name], None)
    town.sql(insert, town.devices[name], type_, at, at, patient, home, f"gw-{name}")


def write(client: httpx.Client, patient: int, type_: str, **record: Any) -> None:
    rev = get(client, f"/patients/{patient}/records/{type_}")["rev"]
    wish = {"record": {"type": type_, **record}, "reason": "Avtalt på hjemmebesøk", "rev": rev}
    done(send(client, f"/patients/{patient}/records", **wish))


def say(client: httpx.Client, patient: int, **fact: Any) -> None:
    rev = get(client, f"/patients/{patient}/facts")["rev"]
    done(send(client, f"/patients/{patient}/facts", fact=fact, reason="Avklart", rev=rev))


def full_record(town: Town, api: Api, name: str, now: datetime | None = None) -> int:
    """The patient's number. Saturation now and then, a stream of pulse with a silence, sugar for 14 days."""
    to = (now or datetime.now(UTC)).replace(microsecond=0) - timedelta(minutes=1)
    patient, nurse = town.patients[name], api.signed_in("kari")
    town.add_staff("doktor", east="doctor")
    doctor = api.signed_in("doktor")
    spo2 = Stream(kind=Kind.SPO2, n=56, every=43_200, middle=90.5, swing=3)
    pulse = Stream(kind=Kind.HEART_RATE, n=4320, every=20, middle=84, swing=14, mode=1, span=20, spread=4, gap=(9, 5))
    sugar = Stream(kind=Kind.GLUCOSE_ISF, n=14 * 288, every=300, middle=8.4, swing=3.6, mode=1, gap=(60, 52))
    weight = Stream(kind=Kind.WEIGHT, n=8, every=3 * 86_400, middle=71.4, swing=0.6)
    for stream in (spo2, pulse, sugar, weight):
        fill(town, name, stream, to)
    for ago, type_ in ((30, EventType.DOSE_MISSED), (20, EventType.DOSE_TAKEN), (14, EventType.FALL)):
        happens(town, name, type_, to - timedelta(hours=ago))
    for ago in (3, 3.1, 5, 26):
        happens(town, name, EventType.DOOR_OPENED, to - timedelta(hours=ago), of_home=True)
    closed = town.desaturate(name, to - timedelta(days=2))
    done(send(nurse, f"/alerts/{closed}/acknowledge", rev=1))
    note = "Ringte, satt framme i stolen og pustet bedre etter en halv time"
    done(send(nurse, f"/alerts/{closed}/handle", rev=2, outcome="real_acted", note=note))
    town.desaturate(name, to - timedelta(hours=2))
    say(doctor, patient, type="oxygen", on=True, litres_per_min=1.5)
    say(doctor, patient, type="treatment_limits", no_resuscitation=True, text="Avklart med pasient og datter")
    say(doctor, patient, type="cave", reactions=[{"to": "Penicillin", "how": "utslett"}, {"to": "Jod"}])
    say(doctor, patient, type="critical", lines=["Stor hund i gangen"])
    contacts = [
        {"name": "Lise Prøvestad-Nordahl", "relation": "datter", "phone": "+47 900 00 002", "has_key": True},
        {"name": "Nabo Bjørn", "relation": "nabo", "phone": "900 00 003", "remark": "hjemme etter kl. 16"},
        {"name": "Fastlegen", "relation": "lege", "phone": "22 00 00 00"},
    ]
    write(nurse, patient, "contacts", contacts=contacts)
    write(
        nurse,
        patient,
        "self_treatment",
        green=[{"when": "Puster som vanlig", "then": "Faste medisiner og tur hver dag"}],
        yellow=[{"when": "Mer slim eller tyngre pust", "then": "Start prednisolon etter plan, mål to ganger"}],
        red=[{"when": "Puls over 120", "then": "Ring vakttelefonen"}],
    )
    measures = [{"what": "Rehabilitering to ganger i uken", "responsible": "Fysioterapeut", "due": "2027-02-01"}]
    write(nurse, patient, "individual_plan", goals=[{"goal": "Kunne gå til butikken selv", "measures": measures}])
    return patient
