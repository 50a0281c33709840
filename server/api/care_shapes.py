"""What staff said and decided, as the public shapes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind
from server.api import care_schemas, fact_schemas
from server.api.case import rev_of
from server.api.schemas import StaffMember
from server.detection.proposal import Proposal
from server.store import decisions, facts
from server.store.decisions import ChangePlace, ChangeRow
from server.store.excuses import Excuse
from server.store.facts import FactRow

People = Mapping[int, StaffMember]
NO_REV: Final = ""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fact(given: fact_schemas.Fact) -> facts.Fact:
    """As the store wants it."""
    return msgspec.convert(given.model_dump(mode="json"), facts.TYPES[given.type])


def said(row: FactRow, people: People) -> fact_schemas.SaidFact:
    return fact_schemas.SaidFact.model_validate(
        {
            "id": row.id,
            "type": row.type,
            "kind": row.kind,
            "fact": None if row.fact is None else msgspec.to_builtins(row.fact),
            "at": row.at,
            "until": row.until,
            "said_by": who(people, row.by),
            "said_at": row.said_at,
            "reason": row.reason,
            "withdrawn_by": who(people, row.withdrawn_by),
            "withdrawn_at": row.withdrawn_at,
        }
    )


def excuse(row: Excuse, people: People, now: datetime) -> care_schemas.Excuse:
    ends = row.to_at if row.ended_at is None else min(row.to_at, row.ended_at)
    return care_schemas.Excuse(
        id=row.id,
        of_home=row.home is not None,
        why=row.why.value,
        from_at=row.from_at,
        to_at=row.to_at,
        said_by=who(people, row.said_by),
        said_at=row.said_at,
        reason=row.reason,
        ended_by=who(people, row.ended_by),
        ended_at=row.ended_at,
        in_force=row.from_at <= now < ends,
    )


def proposal(
    patient: int,
    kind: Kind,
    found: Proposal,
    *,
    first_day: date,
    last_day: date,
    least_days: int,
    accepted: fact_schemas.SaidFact | None,
) -> fact_schemas.BaselineProposal:
    made = fact_schemas.BaselineProposal(
        patient=patient,
        rev=NO_REV,
        kind=kind,
        unit=KINDS[kind].ucum,
        decimals=KINDS[kind].decimals,
        first_day=first_day,
        last_day=last_day,
        center=found.center,
        mad=found.mad,
        days=[fact_schemas.BaselineDay(day=day, value=value) for day, value in found.days],
        least_days=least_days,
        enough=len(found.days) >= least_days,
        accepted=accepted,
    )
    return made.model_copy(update={"rev": rev_of(made)})


def changes(rows: Sequence[ChangeRow], people: People, whose: decisions.Whose, most: int) -> care_schemas.Changes:
    """`rows`: one more than `most`, if there is an older one."""
    shown = rows[:most]
    return care_schemas.Changes(
        changes=[_change(row, people, whose) for row in shown],
        next=cursor_of(shown[-1].place) if len(rows) > most else None,
    )


def cursor_of(place: ChangePlace) -> str:
    return f"{(place.at - EPOCH) // timedelta(microseconds=1)}.{place.rank}.{place.id}"


def place_of(cursor: str) -> ChangePlace:
    micros, rank, id_ = map(int, cursor.split("."))
    return ChangePlace(EPOCH + timedelta(microseconds=micros), rank, id_)


_TYPE: Final = {
    decisions.FACT: "fact",
    decisions.FACT_WITHDRAWN: "fact_withdrawn",
    decisions.OWN_LIMIT: "limit",
    decisions.TEAM_LIMIT: "limit",
    decisions.RULE: "rule",
    decisions.PLAN: "plan",
    decisions.EXCUSE: "excuse",
    decisions.EXCUSE_ENDED: "excuse_ended",
    decisions.HOME_RULE: "home_rule",
}


def _change(row: ChangeRow, people: People, whose: decisions.Whose) -> care_schemas.Change:
    type_ = _TYPE[row.rank]
    return care_schemas.Change.model_validate(
        {
            "at": row.at,
            "type": type_,
            "by": who(people, row.by),
            "reason": row.reason,
            "pathway": whose.pathway.value if row.of_team else None,
            type_.removesuffix("_withdrawn").removesuffix("_ended"): _content(type_, row),
        }
    )


def _content(type_: str, row: ChangeRow) -> dict[str, Any]:
    content = dict(row.content)
    kind = None if row.kind is None else KIND_BY_NUMBER[row.kind]
    removed = content.pop("removed", False)
    match type_:
        case "limit":
            return {"kind": kind, "limits": None if removed else content}
        case "rule" | "home_rule":
            return {"rule": row.what, "enabled": None if removed else content["enabled"], "numbers": content["numbers"]}
        case "plan":
            return {"kind": kind, **content, "times": None if removed else content["times"]}
        case "excuse" | "excuse_ended":
            return {"id": row.id, "why": row.what, **content}
        case _:
            return {"id": row.id, "type": row.what, "kind": kind, **_of_fact(row, kind, content)}


def _of_fact(row: ChangeRow, kind: Kind | None, content: Mapping[str, Any]) -> dict[str, Any]:
    value = content["value"]
    named = {} if kind is None else {"kind": kind}
    return {
        "fact": None if value is None else {"type": row.what, **named, **value},
        "from_at": content["at"],
        "until": content["until"],
    }


def who(people: People, id_: int | None) -> StaffMember | None:
    return None if id_ is None else people.get(id_)
