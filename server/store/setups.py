"""What a gateway has to do, from what is bound in its home: devices, users' limits, never whose they are. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from devices.vocabulary import Kind
from devices.wire.messages import DeviceSetup, KindLimit, SlotSetup
from server.clinical.settings import CountingLimit

NAME_MAX: Final = 60
LimitsOf = Mapping[int, list[KindLimit]]  # by patient


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """One binding that holds now. `patient_id` None: bound to the home, where nobody has limits."""

    address: str
    profile: str
    name: str
    cadence_s: float | None
    slot: int
    patient_id: int | None


def for_gateways(counting: Mapping[int, Mapping[Kind, CountingLimit]]) -> LimitsOf:
    """A gateway alone follows the same limits as the server. Most patients share one mapping, and so one list."""
    different = {id(each): each for each in counting.values()}
    lists = {which: _of_kinds(each) for which, each in different.items()}
    return {patient: lists[id(each)] for patient, each in counting.items()}


def devices_of(bound: Sequence[Bound], limits: LimitsOf) -> list[DeviceSetup] | None:
    """In order of address, so that the same facts make the same bytes. None: the server knows no device there."""
    ordered = sorted(bound, key=lambda each: (each.address, each.slot))
    return [_device(list(group), limits) for _, group in groupby(ordered, key=lambda each: each.address)] or None


def _device(slots: Sequence[Bound], limits: LimitsOf) -> DeviceSetup:
    first = slots[0]
    name = next((each.name for each in slots if each.name), "")
    return DeviceSetup(
        address=first.address,
        profile=first.profile,
        name=name[:NAME_MAX],
        cadence_s=first.cadence_s,
        slots=[SlotSetup(slot=each.slot, limits=_limits(each, limits)) for each in slots],
    )


def _limits(bound: Bound, limits: LimitsOf) -> list[KindLimit]:
    return [] if bound.patient_id is None else limits.get(bound.patient_id, [])


def _of_kinds(counting: Mapping[Kind, CountingLimit]) -> list[KindLimit]:
    return [
        KindLimit(
            kind=kind,
            red_low=limit.red_low,
            yellow_low=limit.yellow_low,
            yellow_high=limit.yellow_high,
            red_high=limit.red_high,
        )
        for kind in Kind
        if kind in counting and (limit := counting[kind].limit) is not None
    ]
