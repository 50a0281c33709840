"""What a gateway has to do, from what is bound in its home: devices, users' limits, never whose they are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

from devices.limits import Limit
from devices.vocabulary import Kind
from devices.wire.messages import DeviceSetup, KindLimit, SlotSetup
from server.clinical.limits import limits_for
from server.clinical.pathways import Pathway

NAME_MAX: Final = 60
OwnLimits = Mapping[int, Mapping[Kind, Limit]]  # by patient


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """One binding that holds now. `patient_id`, `pathway` None: bound to the home, where nobody has limits."""

    address: str
    profile: str
    name: str
    cadence_s: float | None
    slot: int
    patient_id: int | None
    pathway: str | None


def devices_of(bound: Sequence[Bound], own: OwnLimits) -> list[DeviceSetup] | None:
    """In order of address, so that the same facts make the same bytes. None: the server knows no device there."""
    ordered = sorted(bound, key=lambda each: (each.address, each.slot))
    return [_device(list(group), own) for _, group in groupby(ordered, key=lambda each: each.address)] or None


def _device(slots: Sequence[Bound], own: OwnLimits) -> DeviceSetup:
    first = slots[0]
    name = next((each.name for each in slots if each.name), "")
    return DeviceSetup(
        address=first.address,
        profile=first.profile,
        name=name[:NAME_MAX],
        cadence_s=first.cadence_s,
        slots=[SlotSetup(slot=each.slot, limits=_limits(each, own)) for each in slots],
    )


def _limits(bound: Bound, own: OwnLimits) -> list[KindLimit]:
    if bound.patient_id is None or bound.pathway is None:
        return []
    return _limits_of(Pathway(bound.pathway), tuple(own.get(bound.patient_id, {}).items()))


@lru_cache(maxsize=1000)
def _limits_of(pathway: Pathway, own: tuple[tuple[Kind, Limit], ...]) -> list[KindLimit]:
    """Most people have none of their own, and so the same ones."""
    of_kind = dict(own)
    limits = {kind: limits_for(pathway, kind, of_kind.get(kind)) for kind in Kind}
    return [
        KindLimit(
            kind=kind,
            red_low=limit.red_low,
            yellow_low=limit.yellow_low,
            yellow_high=limit.yellow_high,
            red_high=limit.red_high,
        )
        for kind, limit in limits.items()
        if limit is not None and limit != Limit()
    ]
