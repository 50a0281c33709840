"""A limit tried on what is stored of a patient, before it is set. Nothing is changed."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind
from server.alerts import replay
from server.alerts.model import Priority
from server.alerts.replay import Comparison, Raised
from server.api import case, clinic_schemas, settings_shapes
from server.api.case import PatientId
from server.api.desk import Desk, DeskOfApp, Token
from server.api.problems import RefusedError
from server.errors import TryOutError
from server.store import replaying

AT_ONCE: Final = 1  # it is all work of this process, and may hold some 200 MB
WAITING_MAX: Final = 10
SHOWN: Final = 200  # of those that are gone, and of the new ones


class Trials:
    """One after the other, in a thread of its own, so that whoever acknowledges an alert never waits behind them."""

    def __init__(self) -> None:
        self._turn = CapacityLimiter(AT_ONCE)
        self._here = 0  # the limiter itself counts who waits only after a while

    async def run(
        self, desk: Desk, token: str | None, patient: int, wish: clinic_schemas.TryOut
    ) -> clinic_schemas.TriedOut:
        if self._here >= AT_ONCE + WAITING_MAX:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many limits are being tried just now: try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        self._here += 1
        try:
            return await to_thread.run_sync(_try_out, desk, token, patient, wish, limiter=self._turn)
        finally:
            self._here -= 1


def router(trials: Trials) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/patients/{patient}", tags=["clinic"], dependencies=case.SIGNED_IN)

    @routes.post("/try-out")
    async def try_out(
        patient: PatientId, wish: clinic_schemas.TryOut, desk: DeskOfApp, token: Token
    ) -> clinic_schemas.TriedOut:
        """Which alerts these limits would have raised over the last days, beside those of the limits that hold now."""
        return await trials.run(desk, token, patient, wish)

    return routes


def _try_out(desk: Desk, token: str | None, patient: int, wish: clinic_schemas.TryOut) -> clinic_schemas.TriedOut:
    tried = _limits(wish.limits)
    with case.look(desk, token, patient, f"tries {' '.join(sorted(tried))}") as work:
        found = replaying.try_out(work.conn, patient, tried, wish.days, work.now)
    return _tried_out(patient, found)


def _limits(wished: Sequence[clinic_schemas.TriedLimit]) -> dict[Kind, Limit | None]:
    """Within what a living person can have, as when they are set."""
    tried: dict[Kind, Limit | None] = {}
    for each in wished:
        limit, facts = settings_shapes.limit(each), KINDS[each.kind]
        given = [edge for edge in (each.red_low, each.yellow_low, each.yellow_high, each.red_high) if edge is not None]
        if each.kind in tried:
            raise TryOutError(f"There are two limits for {each.kind}: try one of them.")
        if not all(facts.lowest <= edge <= facts.highest for edge in given):
            raise TryOutError(
                f"A limit of {each.kind} lies between {facts.lowest:g} and {facts.highest:g} {facts.ucum}."
            )
        tried[each.kind] = limit if given else None
    return tried


def _tried_out(patient: int, found: Comparison) -> clinic_schemas.TriedOut:
    gone, new = found.gone, found.new
    return clinic_schemas.TriedOut(
        patient=patient,
        from_at=found.from_at,
        to_at=found.to_at,
        readings=found.readings,
        thinned_until=found.thinned_until,
        limits=[
            clinic_schemas.LimitBeside(
                kind=each.kind,
                now=None if each.now is None else settings_shapes.edges(each.now),
                then=None if each.then is None else settings_shapes.edges(each.then),
            )
            for each in found.limits
        ],
        now=_counts(found.now),
        then=_counts(found.then),
        gone_count=len(gone),
        new_count=len(new),
        gone=[_would_be(each) for each in gone[-SHOWN:]],
        new=[_would_be(each) for each in new[-SHOWN:]],
    )


def _counts(raised: Sequence[Raised]) -> clinic_schemas.AlertCounts:
    count = replay.count(raised)
    return clinic_schemas.AlertCounts(yellow=count[Priority.YELLOW], red=count[Priority.RED])


def _would_be(each: Raised) -> clinic_schemas.WouldBe:
    return clinic_schemas.WouldBe.model_validate(
        {
            "kind": each.kind,
            "direction": each.direction,
            "level": int(each.level),
            "priority": each.priority.value,
            "value": each.value,
            "limit": each.limit,
            "began_at": each.began_at,
            "raised_at": each.raised_at,
            "over_at": each.over_at,
            "late": each.late,
        }
    )
