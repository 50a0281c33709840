"""From what devices say happened to what may become an alert. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from devices.vocabulary import CALLS_FOR_HELP, EventType
from server.alerts.findings import DoorAtNight, DoseMissed, Finding, HelpCall, sensor_off, sensor_on
from server.alerts.model import Subject, device_subject, home_subject, patient_subject
from server.detection.home_rules import FRONT_DOOR
from server.detection.late import LATE_S
from server.store.events import FiledEvent

LATE_AFTER: Final = timedelta(seconds=LATE_S)  # an older event came out of a backlog: shown with its own time


def findings(events: Sequence[FiledEvent], gateway_homes: Mapping[int, int], nights: Sequence[bool]) -> list[Finding]:
    """`gateway_homes`: home by gateway id; `nights`: for each event, whether a door that opens then is an alert."""
    found = (_finding(event, gateway_homes, night) for event, night in zip(events, nights, strict=True))
    return [finding for finding in found if finding is not None]


def reaches_nobody(event: FiledEvent, gateway_homes: Mapping[int, int]) -> bool:
    """A call for help from a device that is nobody's, heard by a gateway that stands in no home."""
    return event.type in CALLS_FOR_HELP and _concerned(event, gateway_homes) is None


def is_front_door_opening(event: FiledEvent) -> bool:
    return event.type is EventType.DOOR_OPENED and event.binding.home_id != 0 and event.binding.place == FRONT_DOOR


def _finding(event: FiledEvent, gateway_homes: Mapping[int, int], night: bool) -> Finding | None:
    if event.type in CALLS_FOR_HELP:
        return _help_call(event, gateway_homes)
    if event.type is EventType.SENSOR_OFF or event.type is EventType.SENSOR_ON:
        say = sensor_off if event.type is EventType.SENSOR_OFF else sensor_on
        return say(_device(event), event.occurred_at)
    if night and is_front_door_opening(event):
        home = home_subject(event.binding.home_id, device=event.device_id)
        return DoorAtNight(subject=home, at=event.occurred_at, late=is_late(event), place=event.binding.place)
    if event.type is EventType.DOSE_MISSED:
        return _dose_missed(event, gateway_homes)
    return None  # it is stored, and shown where somebody looks for it


def _help_call(event: FiledEvent, gateway_homes: Mapping[int, int]) -> HelpCall | None:
    subject = _concerned(event, gateway_homes)
    if subject is None:
        return None
    place = event.binding.place or None
    return HelpCall(subject=subject, type=event.type, at=event.occurred_at, late=is_late(event), place=place)


def _dose_missed(event: FiledEvent, gateway_homes: Mapping[int, int]) -> DoseMissed | None:
    subject = _concerned(event, gateway_homes)
    if subject is None:
        return None
    place = event.binding.place or None
    return DoseMissed(subject=subject, at=event.occurred_at, late=is_late(event), place=place)


def _concerned(event: FiledEvent, gateway_homes: Mapping[int, int]) -> Subject | None:
    """A button that is bound to nobody still calls: for the home of the gateway that heard it. None: it has no home."""
    home_id = event.binding.home_id or gateway_homes.get(event.gateway_id, 0)
    if event.binding.patient_id:
        return patient_subject(event.binding.patient_id, device=event.device_id)
    return home_subject(home_id, device=event.device_id) if home_id else None


def _device(event: FiledEvent) -> Subject:
    return device_subject(event.device_id, patient=event.binding.patient_id or None, home=event.binding.home_id or None)


def is_late(event: FiledEvent) -> bool:
    return event.received_at - event.occurred_at > LATE_AFTER
