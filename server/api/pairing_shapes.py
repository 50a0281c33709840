"""Whether a sensor is paired: the four parts of it, and what each still waits for. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from devices.profiles import PROFILES
from devices.profiles.base import Reach
from devices.vocabulary import KINDS, ClockTrust
from server.api import installation_schemas as shapes
from server.api.heard import heard
from server.api.schemas import StaffMember
from server.store.installation_rows import PartRow, SensorRow, Stands, Word

CLOCK_OFF: Final = timedelta(minutes=2)
DEVICE_CLOCK_OFF: Final = timedelta(minutes=15)
PARTS: Final[tuple[shapes.Part, ...]] = get_args(shapes.Part)
Staff = Mapping[int, StaffMember]


def pairing(
    sensor: SensorRow, parts: Sequence[PartRow], word: Word | None, heard_at: datetime | None, staff: Staff
) -> shapes.Pairing:
    said = {each.part: each for each in parts if (each.device, each.slot) == (sensor.id, sensor.slot)}
    cycled = said.get("power_cycle")
    back = said.get("reconnect")
    if back is not None and (cycled is None or back.at < cycled.at):
        del said["reconnect"]  # it was turned off once more since
    shown = [_part(part, said, awaits(part, sensor, cycled, word, heard_at), staff) for part in PARTS]
    passed = max((each.at for each in said.values()), default=None) if len(said) == len(PARTS) else None
    return shapes.Pairing(device=sensor.address, slot=sensor.slot, passed_at=passed, parts=shown)


First = Literal["power_cycle", "contact", "value", "clock"]
Awaits = tuple[First | None, str]  # what has to come first, and the sentence


def awaits(
    part: shapes.Part, sensor: SensorRow, cycled: PartRow | None, word: Word | None, heard_at: datetime | None
) -> Awaits:
    match part:
        case "power_cycle":
            return (None, "") if heard_at or word else ("contact", "It has not been heard yet.")
        case "reconnect":
            return _reconnect(sensor, cycled, word, heard_at)
        case "person":
            return ("value", "It has said nothing since it was bound.") if word is None else (None, _words(word))
        case "clock":
            return _clock(word)


def awaits_now(stands: Stands, row: SensorRow, part: shapes.Part) -> Awaits:
    """Also of a part that was said before: it may be said again."""
    cycled = next(
        (each for each in stands.parts if (each.device, each.slot, each.part) == (row.id, row.slot, "power_cycle")),
        None,
    )
    found = heard(stands.gateways, row.address)
    return awaits(part, row, cycled, stands.words.get((row.id, row.slot)), found[0].at if found else None)


def _reconnect(sensor: SensorRow, cycled: PartRow | None, word: Word | None, heard_at: datetime | None) -> Awaits:
    """A beacon only has to be heard; what connects has to be read again."""
    if cycled is None:
        return "power_cycle", "It has not been turned off and on yet."
    profile = PROFILES.get(sensor.profile)
    reads = [] if word is None else [word.received_at]
    if profile is not None and profile.reach is Reach.ADVERT and heard_at is not None:
        reads.append(heard_at)
    back = max((at for at in reads if at > cycled.at), default=None)
    if back is None:
        return "contact", "Nothing has come from it since it was turned off and on."
    return None, f"It was heard again at {back:%H:%M:%S} UTC."


def _clock(word: Word | None) -> Awaits:
    if word is None:
        return "value", "It has said nothing since it was bound."
    late = word.received_at - word.taken_at
    match word.clock:
        case ClockTrust.ARRIVAL:
            return None, "It has no clock: the gateway says when."
        case ClockTrust.CORRECTED:
            return "clock", "Its clock is wrong: set it, and measure again."
        case ClockTrust.CHECKED:
            return (None, "Its clock was compared with the gateway's.") if late >= -CLOCK_OFF else _wrong(late)
        case ClockTrust.DEVICE:
            return (None, "It measured just now by its own clock.") if abs(late) <= DEVICE_CLOCK_OFF else _wrong(late)


def _wrong(late: timedelta) -> Awaits:
    return "clock", f"Its newest value came {late.total_seconds() / 60:.0f} minutes after it was taken: measure now."


def _words(word: Word) -> str:
    what = word.event if word.kind is None else f"{word.kind} {word.value} {KINDS[word.kind].ucum}"
    return f"{what} at {word.taken_at:%Y-%m-%d %H:%M:%S} UTC."


def _part(part: shapes.Part, said: Mapping[str, PartRow], wait: Awaits, staff: Staff) -> shapes.PairingPart:
    row = said.get(part)
    if row is None:
        return shapes.PairingPart(part=part, at=None, by=None, awaits=wait[0], why=wait[1])
    return shapes.PairingPart(part=part, at=row.at, by=staff.get(row.staff), awaits=None, why=row.rests_on)
