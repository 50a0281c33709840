"""Loads an enrolment list, all of it or nothing, and sets passwords. Hashes are made by the caller."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import psycopg

from devices.vocabulary import KINDS
from server.alerts.model import gateway_subject
from server.detection.silence import FIRST_WORD_WITHIN
from server.errors import EnrolmentError
from server.store import alerts, deadlines, queries, rebinding, signals
from server.store.deadlines import DeadlineType
from server.store.enrolment import ERRORS_SHOWN, DeviceBinding, EnrolledGateway, Enrolment, Member, PersonalLimit

SQL: Final = queries.load("people")
Changed = Counter[str]


def load(
    conn: psycopg.Connection,
    enrolment: Enrolment,
    *,
    hash_password: Callable[[str], str],
    is_right: Callable[[str | None, str], bool],
    dry_run: bool = False,
) -> Changed:
    """How many entries of each sort were new or different. A dry run does everything, and takes it back."""
    hashes = _hashes(conn, enrolment.staff, hash_password, is_right)
    try:
        with conn.transaction(force_rollback=dry_run):
            changed = _put_people(conn, enrolment, hashes)
            wrong = list(_unknown_names(conn, enrolment))
            if wrong:
                raise EnrolmentError("\n".join(wrong[:ERRORS_SHOWN]))
            # In the order of locks that ingest keeps.
            changed += _put_devices(conn, enrolment)
            changed += put_gateways(conn, enrolment.gateways)
            signals.send(conn, signals.Channel.ENROLMENT)
    except psycopg.errors.ExclusionViolation as error:
        raise EnrolmentError(
            f"{error.diag.message_primary}. A later binding stands in the way: give this one a later `from`."
        ) from error
    except psycopg.errors.IntegrityError as error:
        raise EnrolmentError(f"The database refuses the list: {error.diag.message_primary}.") from error
    if not dry_run:
        rebinding.finish_all(conn)
    return changed


def set_password(conn: psycopg.Connection, login: str, password_hash: str) -> bool:
    """False: nobody has that login."""
    return conn.execute(SQL["set_password"], {"login": login, "hash": password_hash}).fetchone() == (1,)


def _hashes(
    conn: psycopg.Connection,
    staff: Sequence[Member],
    hash_password: Callable[[str], str],
    is_right: Callable[[str | None, str], bool],
) -> dict[str, str]:
    """New hashes only where the password is another one. Slow on purpose, so before the transaction."""
    stood: dict[str, str] = dict(conn.execute(SQL["hashes"]).fetchall())
    wanted = {member.login: member.password for member in staff if member.password is not None}
    return {
        login: hash_password(password)
        for login, password in wanted.items()
        if login not in stood or not is_right(stood[login], password)
    }


def _put_people(conn: psycopg.Connection, enrolment: Enrolment, hashes: dict[str, str]) -> Changed:
    changed: Changed = Counter()
    for team in enrolment.teams:
        changed["teams"] += conn.execute(SQL["put_team"], {"name": team.name}).rowcount
    for member in enrolment.staff:
        changed["staff"] += _put_member(conn, member, hashes.get(member.login))
    for home in enrolment.homes:
        changed["homes"] += conn.execute(SQL["put_home"], _fields(home)).rowcount
    for patient in enrolment.patients:
        changed["patients"] += conn.execute(SQL["put_patient"], _fields(patient)).rowcount
    for limit in enrolment.limits:
        changed["limits"] += conn.execute(SQL["put_limit"], _limit(limit)).rowcount
    return changed


def _put_member(conn: psycopg.Connection, member: Member, password_hash: str | None) -> bool:
    names = {"login": member.login, "name": member.name, "initials": member.initials, "hash": password_hash}
    changed = conn.execute(SQL["put_member"], names).rowcount
    changed += conn.execute(SQL["leave_teams"], {"login": member.login, "teams": list(member.teams)}).rowcount
    for team, role in member.teams.items():
        place = {"login": member.login, "team": team, "role": role}
        changed += conn.execute(SQL["put_membership"], place).rowcount
    return changed > 0


def _put_devices(conn: psycopg.Connection, enrolment: Enrolment) -> Changed:
    """Known ones are locked first, for even an upsert that changes nothing locks its row; new ones come by name, as
    ingest meets them."""
    changed: Changed = Counter()
    named = {device.address for device in enrolment.devices} | {binding.device for binding in enrolment.bindings}
    conn.execute(SQL["hold_devices"], {"addresses": list(named)})
    for device in sorted(enrolment.devices, key=lambda device: device.address):
        changed["devices"] += conn.execute(SQL["put_device"], _fields(device)).rowcount
    for binding in sorted(enrolment.bindings, key=lambda binding: binding.key):
        changed["bindings"] += _bind(conn, binding)
    return changed


def put_gateways(conn: psycopg.Connection, gateways: Sequence[EnrolledGateway]) -> Changed:
    """From its enrolment on a gateway is awaited: one that is never heard of is an alert."""
    names = {"names": [gateway.name for gateway in gateways]}
    _hold_subjects(conn, names)
    conn.execute(SQL["hold_gateways"], names)
    changed: Changed = Counter()
    for gateway in sorted(gateways, key=lambda gateway: gateway.name):
        changed["gateways"] += conn.execute(SQL["put_gateway"], _fields(gateway)).rowcount
    subjects = _hold_subjects(conn, names)  # of the new ones too, which nobody else can see yet
    deadlines.expect(conn, DeadlineType.GATEWAY_SILENT, subjects, within=FIRST_WORD_WITHIN)
    return changed


def _hold_subjects(conn: psycopg.Connection, names: dict[str, list[str]]) -> Iterable[int]:
    ids = conn.execute(SQL["gateways"], names).fetchall()
    return alerts.hold(conn, [gateway_subject(id_) for (id_,) in ids]).values()


def _bind(conn: psycopg.Connection, binding: DeviceBinding) -> bool:
    parameters = _fields(binding) | {"from": binding.from_}
    if conn.execute(SQL["same_binding"], parameters).fetchone() is not None:
        return False
    with rebinding.dated_back(conn, binding.device, binding.slot, binding.from_, by="hjemvakt load"):
        conn.execute(SQL["end_binding"], parameters)
        conn.execute(SQL["bind"], parameters)
    return True


def _unknown_names(conn: psycopg.Connection, enrolment: Enrolment) -> Iterator[str]:
    """Every name must be in the list or in the database already."""
    teams, homes, patients = (_known(conn, each) for each in ("teams", "homes", "patients"))
    devices = _known(conn, "devices") | {device.address for device in enrolment.devices}
    wanted = [(f"member {member.login}", team) for member in enrolment.staff for team in member.teams]
    wanted += [(f"home {home.name}", home.team) for home in enrolment.homes]
    wanted += [(f"patient {patient.reference}", patient.team) for patient in enrolment.patients]
    yield from _missing("team", wanted, teams)
    wanted = [(f"patient {patient.reference}", patient.home) for patient in enrolment.patients if patient.home]
    wanted += [(f"gateway {gateway.name}", gateway.home) for gateway in enrolment.gateways]
    wanted += [(f"binding of {binding.device}", binding.home) for binding in enrolment.bindings if binding.home]
    yield from _missing("home", wanted, homes)
    wanted = [(f"limit for {limit.kind}", limit.patient) for limit in enrolment.limits]
    wanted += [(f"binding of {b.device}", b.patient) for b in enrolment.bindings if b.patient]
    yield from _missing("patient", wanted, patients)
    yield from _missing("device", [("binding", binding.device) for binding in enrolment.bindings], devices)


def _missing(what: str, wanted: Iterable[tuple[str, str]], known: set[str]) -> Iterator[str]:
    for who, name in wanted:
        if name not in known:
            yield f"The {who} names the {what} {name}, which is neither in the list nor in the database."


def _known(conn: psycopg.Connection, what: str) -> set[str]:
    return {name for (name,) in conn.execute(SQL[f"known_{what}"])}


def _fields(entry: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(entry)


def _limit(entry: PersonalLimit) -> dict[str, Any]:
    return _fields(entry) | {"kind": KINDS[entry.kind].number}
