"""What staff say about a patient: dated facts, the usual that is accepted, excuses; and who decided what, and when."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from devices.vocabulary import Kind
from server.access import Deed
from server.api import care_schemas, care_shapes, case, fact_schemas
from server.api.case import CONFLICT, Key, PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.fields import Day
from server.api.problems import RefusedError
from server.clinical import deeds
from server.clinical.change import CHANGES
from server.clinical.here import HERE
from server.detection.rules import DEVIATION
from server.store import decisions, excuses, facts
from server.store.decisions import ChangeRow, Whose
from server.store.excuses import Why
from server.store.facts import STANDING, FactRow

FACTS_SHOWN: Final = 500
AHEAD_MAX: Final = timedelta(days=31)  # what is prescribed for later than that is prescribed then
WINDOW_DAYS: Final = DEVIATION.days
WINDOW_MAX: Final = 90
CHANGES_AT_ONCE: Final = 100
EXCUSE_BACK: Final = timedelta(days=31)

RecordId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Window = Annotated[int, Query(ge=DEVIATION.least_days, le=WINDOW_MAX)]
Cursor = Annotated[str | None, Query(pattern=r"^\d{1,17}\.\d\.\d{1,18}$")]
router = APIRouter(prefix="/api/v1/patients/{patient}", tags=["care"], dependencies=case.SIGNED_IN)


# ---- facts


@router.get("/facts")
def get_facts(patient: PatientId, desk: DeskOfApp, token: Token) -> fact_schemas.Facts:
    with case.look(desk, token, patient, "facts") as work:
        return _facts(work, patient)


@router.post("/facts", status_code=HTTPStatus.CREATED, responses=CONFLICT)
def say_fact(
    patient: PatientId, wish: fact_schemas.SayFact, key: Key, desk: DeskOfApp, token: Token
) -> fact_schemas.SaidFact:
    """Who says it and when is kept. A prescribed range and NEWS2's scale are for doctors."""
    type_ = wish.fact.type

    def say() -> fact_schemas.SaidFact:
        _must_rest_on(work, patient, type_, wish.rev)
        at = _not_far_ahead(wish.at or work.now, work.now)
        given = care_shapes.fact(wish.fact)
        by, reason = work.caller.staff, wish.reason
        made = facts.say(work.conn, patient, given, by=by, at=at, now=work.now, reason=reason, until=wish.until)
        return _said(work, patient, made)

    with case.change(desk, token, patient, f"says {type_}", deeds.to_say(type_)) as work:
        return case.once_only(work, key, ("say_fact", patient), wish, say, fact_schemas.SaidFact)


@router.post("/facts/end", status_code=HTTPStatus.CREATED, responses=CONFLICT)
def end_fact(
    patient: PatientId, wish: fact_schemas.EndFact, key: Key, desk: DeskOfApp, token: Token
) -> fact_schemas.SaidFact:
    """The end is a dated fact of its own."""

    def end() -> fact_schemas.SaidFact:
        _must_rest_on(work, patient, wish.type, wish.rev)
        at = _not_far_ahead(wish.at or work.now, work.now)
        by, reason = work.caller.staff, wish.reason
        made = facts.end(work.conn, patient, wish.type, kind=wish.kind, by=by, at=at, now=work.now, reason=reason)
        return _said(work, patient, made)

    with case.change(desk, token, patient, f"ends {wish.type}", deeds.to_say(wish.type)) as work:
        return case.once_only(work, key, ("end_fact", patient), wish, end, fact_schemas.SaidFact)


@router.post("/facts/{fact}/withdraw", responses=CONFLICT)
def withdraw_fact(
    patient: PatientId, fact: RecordId, wish: fact_schemas.Withdraw, key: Key, desk: DeskOfApp, token: Token
) -> fact_schemas.SaidFact:
    """Only for a mistake: what is no longer so is said anew, or ended."""

    def withdraw() -> fact_schemas.SaidFact:
        before = _row(work, patient, fact)
        case.must_do(work, case.followed(work, patient).team, deeds.to_say(before.type))
        case.must_be(wish.rev, _facts(work, patient).rev, "facts")
        if not facts.withdraw(work.conn, fact, work.caller.staff, work.now):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "This was withdrawn before: there is nothing to do.")
        decisions.because_withdrawn(work.conn, patient, fact, wish.reason)
        return _said(work, patient, fact)

    with case.change(desk, token, patient, f"withdraws fact {fact}", Deed.SAY_FACTS) as work:
        return case.once_only(work, key, ("withdraw_fact", patient, fact), wish, withdraw, fact_schemas.SaidFact)


def _facts(work: Work, patient: int) -> fact_schemas.Facts:
    """`rev` is about what stands: a symptom that is reported meanwhile is in nobody's way."""
    rows = [row for row in facts.history(work.conn, patient) if row.withdrawn_at is None]
    stand = [row for row in rows if row.type in STANDING]
    people = _people(work, rows)
    rev = case.rev_of(
        fact_schemas.Facts(patient=patient, rev="", facts=[care_shapes.said(row, people) for row in stand])
    )
    return fact_schemas.Facts(
        patient=patient, rev=rev, facts=[care_shapes.said(row, people) for row in rows[:FACTS_SHOWN]]
    )


def _must_rest_on(work: Work, patient: int, type_: str, rev: str | None) -> None:
    if type_ not in STANDING:
        return
    if rev is None:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Say which facts the decision rests on: `rev`, as your screen got it."
        )
    case.must_be(rev, _facts(work, patient).rev, "facts")


def _not_far_ahead(at: datetime, now: datetime) -> datetime:
    if at > now + AHEAD_MAX:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"A fact can be said at most {AHEAD_MAX.days} days ahead of its time."
        )
    return at


def _row(work: Work, patient: int, fact: int) -> FactRow:
    row = next((row for row in facts.history(work.conn, patient) if row.id == fact), None)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Of this patient nothing was said that has this number.")
    return row


def _said(work: Work, patient: int, fact: int) -> fact_schemas.SaidFact:
    row = _row(work, patient, fact)
    return care_shapes.said(row, _people(work, [row]))


def _people(work: Work, rows: Sequence[FactRow]) -> care_shapes.People:
    return case.people(work, [id_ for row in rows for id_ in (row.by, row.withdrawn_by)])


# ---- what is usual


@router.get("/baselines/{kind}/proposal")
def get_baseline_proposal(
    patient: PatientId,
    kind: Kind,
    desk: DeskOfApp,
    token: Token,
    last_day: Annotated[Day | None, Query(description="null: yesterday, by the clock in Norway")] = None,
    window_days: Window = WINDOW_DAYS,
) -> fact_schemas.BaselineProposal:
    with case.look(desk, token, patient, f"baseline {kind}") as work:
        return _proposal(work, patient, kind, last_day or _yesterday(work.now), window_days)


@router.post("/baselines/{kind}/accept", status_code=HTTPStatus.CREATED, responses=CONFLICT)
def accept_baseline(
    patient: PatientId, kind: Kind, wish: fact_schemas.AcceptBaseline, key: Key, desk: DeskOfApp, token: Token
) -> fact_schemas.SaidFact:
    """It stands from now on, and never moves by itself."""

    def accept() -> fact_schemas.SaidFact:
        seen = _proposal(work, patient, kind, wish.last_day, wish.window_days)
        case.must_be(wish.rev, seen.rev, "days")
        if seen.center is None or seen.mad is None or not seen.enough:
            sentence = f"{len(seen.days)} days tell too little of what is usual: wait for {seen.least_days}."
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        fact = facts.Baseline(
            kind=kind,
            center=seen.center,
            mad=seen.mad,
            days=len(seen.days),
            first_day=seen.days[0].day,
            last_day=seen.days[-1].day,
        )
        by, reason = work.caller.staff, wish.reason
        return _said(
            work, patient, facts.say(work.conn, patient, fact, by=by, at=work.now, now=work.now, reason=reason)
        )

    with case.change(desk, token, patient, f"accepts baseline {kind}", deeds.to_say("baseline")) as work:
        return case.once_only(work, key, ("accept_baseline", patient, kind), wish, accept, fact_schemas.SaidFact)


def _proposal(work: Work, patient: int, kind: Kind, last_day: date, window_days: int) -> fact_schemas.BaselineProposal:
    if kind not in CHANGES:
        known = ", ".join(sorted(CHANGES))
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"Nothing looks at what is usual of {kind}, but of {known}."
        )
    if last_day > _yesterday(work.now):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "The last day must be over: take yesterday, or before.")
    found = decisions.baseline_proposal(work.conn, patient, kind, last_day=last_day, window_days=window_days)
    stands = [row for row in facts.history(work.conn, patient, "baseline") if row.kind is kind and not row.withdrawn_at]
    newest = max(stands, key=lambda row: (row.at, row.id), default=None)
    accepted = None if newest is None or newest.fact is None else care_shapes.said(newest, _people(work, [newest]))
    return care_shapes.proposal(
        patient,
        kind,
        found,
        first_day=last_day - timedelta(days=window_days - 1),
        last_day=last_day,
        least_days=DEVIATION.least_days,
        accepted=accepted,
    )


def _yesterday(now: datetime) -> date:
    return now.astimezone(HERE).date() - timedelta(days=1)


# ---- excuses


@router.get("/excuses")
def get_excuses(patient: PatientId, desk: DeskOfApp, token: Token) -> care_schemas.Excuses:
    """Why nothing is, was or will be awaited of the patient, with what was said of the patient's home."""
    with case.look(desk, token, patient, "excuses") as work:
        return care_schemas.Excuses(patient=patient, excuses=_excuses(work, patient))


@router.post("/excuses", status_code=HTTPStatus.CREATED)
def say_excuse(
    patient: PatientId, wish: care_schemas.SayExcuse, key: Key, desk: DeskOfApp, token: Token
) -> care_schemas.Excuse:
    """In hospital, away: nothing is missed then. Calls for help ring as always."""

    def say() -> care_schemas.Excuse:
        from_at = wish.from_at or work.now
        if from_at < work.now - EXCUSE_BACK:
            sentence = f"An excuse begins at most {EXCUSE_BACK.days} days ago."
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
        made = excuses.excuse(
            work.conn,
            patient=patient,
            why=Why(wish.why),
            from_at=from_at,
            to_at=wish.to_at,
            by=work.caller.staff,
            now=work.now,
            reason=wish.reason,
        )
        return _excuse(work, patient, made)

    with case.change(desk, token, patient, f"excuses: {wish.why}", Deed.SAY_FACTS) as work:
        return case.once_only(work, key, ("say_excuse", patient), wish, say, care_schemas.Excuse)


@router.post("/excuses/{excuse}/end")
def end_excuse(
    patient: PatientId, excuse: RecordId, wish: care_schemas.EndExcuse, key: Key, desk: DeskOfApp, token: Token
) -> care_schemas.Excuse:
    """Earlier than was said: from now on everything is awaited again."""

    def end() -> care_schemas.Excuse:
        _excuse(work, patient, excuse)
        if not excuses.end(work.conn, excuse, work.caller.staff, work.now):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "This excuse is over: there is nothing to end.")
        decisions.because_ended(work.conn, excuse, wish.reason)
        return _excuse(work, patient, excuse)

    with case.change(desk, token, patient, f"ends excuse {excuse}", Deed.SAY_FACTS) as work:
        return case.once_only(work, key, ("end_excuse", patient, excuse), wish, end, care_schemas.Excuse)


def _excuses(work: Work, patient: int) -> list[care_schemas.Excuse]:
    rows = excuses.history(work.conn, patient=patient)
    people = case.people(work, [id_ for row in rows for id_ in (row.said_by, row.ended_by)])
    return [care_shapes.excuse(row, people, work.now) for row in rows]


def _excuse(work: Work, patient: int, excuse: int) -> care_schemas.Excuse:
    found = next((each for each in _excuses(work, patient) if each.id == excuse), None)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Of this patient there is no excuse with this number.")
    return found


# ---- who decided what


@router.get("/changes")
def get_changes(
    patient: PatientId,
    desk: DeskOfApp,
    token: Token,
    before: Cursor = None,
    most: Annotated[int, Query(ge=1, le=CHANGES_AT_ONCE)] = 50,
) -> care_schemas.Changes:
    """All that was said and decided about the patient, and for the pathway in the team. `before`: `next` of a page."""
    with case.look(desk, token, patient, "changes") as work:
        mine = case.followed(work, patient)
        whose = Whose(patient=patient, team=mine.team, pathway=mine.pathway)
        return changes(work, whose, before, most)


def changes(work: Work, whose: Whose, before: str | None, most: int) -> care_schemas.Changes:
    place = None if before is None else care_shapes.place_of(before)
    rows: Iterable[ChangeRow] = decisions.changes(work.conn, whose, before=place, most=most + 1)
    found = list(rows)
    return care_shapes.changes(found, case.people(work, [row.by for row in found]), whose, most)
