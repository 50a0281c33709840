"""A patient's case as a screen opens it: who may look, who may change something, and each change once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias, TypeVar

from fastapi import Depends, Header, Path
from pydantic import BaseModel

from server.access import MAY, Deed
from server.api.desk import Desk, DeskOfApp, Token, Work
from server.api.problems import ChangedMeanwhileError, RefusedError
from server.api.schemas import CareConflict, StaffMember
from server.store import access_log, clinic, once
from server.store.clinic import Followed, StaffRow

S = TypeVar("S", bound=BaseModel)

PatientId = Annotated[int, Path(ge=1, le=2**31 - 1)]
TeamId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Key: TypeAlias = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=80,
        pattern=r"^[\x21-\x7e]+$",
        description="a new one for every change; the same one when it is sent again, then it is done once",
    ),
]
CONFLICT: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CONFLICT.value: {"model": CareConflict, "description": "It changed meanwhile"}
}
NOT_YOURS = "None of your patients has this number."
NOT_YOUR_TEAM = "None of your teams has this number."
NO_HOME = "This patient has no home here: an enrolment list says where people live."


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Who asks for a change, by which key."""

    desk: Desk
    token: str | None
    key: str


def _asking(desk: DeskOfApp, token: Token, key: Key) -> Asking:
    return Asking(desk=desk, token=token, key=key)


Asks: TypeAlias = Annotated[Asking, Depends(_asking)]


def signed_in(token: Token) -> None:
    """A stranger hears nothing about what a request should look like."""
    if token is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "You are not signed in, or your session is over: sign in.")


SIGNED_IN = [Depends(signed_in)]


@contextmanager
def look(desk: Desk, token: str | None, patient: int, what: str) -> Iterator[Work]:
    """Remembered in the access log."""
    with desk.work(token) as work:
        followed(work, patient)
        access_log.remember(work.conn, patient, "look", what, work.now)
        yield work


@contextmanager
def change(
    desk: Desk, token: str | None, patient: int, what: str, deed: Callable[[Followed], Deed] | Deed
) -> Iterator[Work]:
    """One after the other, and remembered in the access log. `deed`: what somebody must be allowed to do for it."""
    with desk.work(token) as work:
        mine = followed(work, patient)
        must_do(work, mine.team, deed if isinstance(deed, Deed) else deed(mine))
        clinic.hold(work.conn, "hjemvakt.care.patient", patient)
        access_log.remember(work.conn, patient, "change", what, work.now)
        yield work


def followed(work: Work, patient: int) -> Followed:
    """The caller's patient, or one whom the caller has opened in an emergency."""
    work.teams(Deed.SEE_PATIENTS)
    mine = clinic.patient(work.conn, patient)
    if mine is None or not work.caller.may_see(patient, mine.team):
        raise RefusedError(HTTPStatus.NOT_FOUND, NOT_YOURS)
    return mine


def must_be_in(work: Work, team: int, deed: Deed = Deed.SEE_PATIENTS) -> None:
    """One of the teams in which the caller may do this."""
    if team not in work.teams(deed):
        raise RefusedError(HTTPStatus.NOT_FOUND, NOT_YOUR_TEAM)


def hold_team(work: Work, team: int) -> None:
    """Whoever decides for a team does so one after the other, too."""
    clinic.hold(work.conn, "hjemvakt.care.team", team)


def home(work: Work, patient: int) -> int:
    found = followed(work, patient).home
    if found is None:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, NO_HOME)
    return found


def hold_home(work: Work, patient: int, what: str) -> int:
    """Whoever decides for a home does so one after the other, and it is remembered of everybody who lives there."""
    found = home(work, patient)
    clinic.hold(work.conn, "hjemvakt.care.home", found)
    for each in clinic.residents(work.conn, found):
        if each != patient:
            access_log.remember(work.conn, each, "change", what, work.now)
    return found


def must_do(work: Work, team: int, deed: Deed) -> None:
    if team not in work.caller.teams(deed):
        who = ", ".join(sorted(role.value for role, deeds in MAY.items() if deed in deeds))
        raise RefusedError(HTTPStatus.FORBIDDEN, f"Your role in this team does not include this; it is for: {who}.")


def once_only(
    work: Work, key: str, asked: tuple[str | int, ...], wish: BaseModel, do: Callable[[], S], made: type[S]
) -> S:
    """`asked` and `wish`: the whole question. What was answered to it before is answered again, and nothing is done."""
    request = _digest(asked, wish)
    done = once.begin(work.conn, key, request, work.now)
    if done is None:
        answer = do()
        once.answered(work.conn, key, answer.model_dump(mode="json"))
        return answer
    if done.request != request:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "This Idempotency-Key came with another change before: take a new one for every change.",
        )
    return made.model_validate(done.answer)


def answer_before(
    desk: Desk, token: str | None, key: str, asked: tuple[str | int, ...], wish: BaseModel, made: type[S]
) -> S | None:
    """For a deed that takes away the right to it: its answer, for the same person who asks the same again. None: it was
    not done. Nobody is looked at, so nothing is remembered of anybody."""
    with desk.work(token) as work:
        done = once.find(work.conn, key, work.now)
    return None if done is None or done.request != _digest(asked, wish) else made.model_validate(done.answer)


def _digest(asked: tuple[str | int, ...], wish: BaseModel) -> bytes:
    return hashlib.sha256("\n".join([*map(str, asked), wish.model_dump_json()]).encode()).digest()


def rev_of(shown: BaseModel) -> str:
    """Names all of it: another content, another name."""
    return hashlib.sha256(shown.model_dump_json(exclude={"rev"}).encode()).hexdigest()[:16]


def must_be(rev: str, now: str, what: str) -> None:
    if rev != now:
        raise ChangedMeanwhileError(now, f"The {what} changed after your screen showed them: look again, then decide.")


def people(work: Work, ids: Iterable[int | None]) -> dict[int, StaffMember]:
    return {id_: member(row) for id_, row in clinic.staff(work.conn, ids).items()}


def member(row: StaffRow) -> StaffMember:
    return StaffMember(id=row.id, name=row.name, initials=row.initials)
