"""One device's visits, walked through, for the tests of a session."""

from dataclasses import replace

from devices.profiles import PROFILES, racp
from devices.profiles.base import Profile, SetsClock
from edge.core.session import Session
from edge.core.session_words import (
    Answered,
    Command,
    Disconnect,
    Event,
    Read,
    ReadClock,
    Subscribe,
)

BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
RECORDS = "00002a52-0000-1000-8000-00805f9b34fb"


def plain(name: str) -> Profile:
    """The profile without what is added to it for the technician."""
    return replace(PROFILES[name], read=(BATTERY,), read_first=(), clock=SetsClock.NO, bonds=False, settle_s=0.0)


def admitted(session: Session, now_s: float = 0) -> list[Command]:
    session.on(Event.SEEN, now_s)
    return session.on(Event.ADMITTED, now_s)


def walk(session: Session, commands: list[Command], *, missing: str = "", now_s: float = 0) -> list[Command]:
    """Everything succeeds, until the device has to speak."""
    done = []
    while commands:
        command = commands.pop(0)
        done.append(command)
        if isinstance(command, Disconnect):
            break
        is_missing = isinstance(command, Subscribe | Read) and command.uuid == missing
        if isinstance(command, ReadClock):
            break
        commands += session.on(Event.MISSING if is_missing else Event.DONE, now_s)
    return done


def finished(result: racp.Result) -> Answered:
    return Answered(racp.Finished(order=racp.Order.REPORT, result=result))
