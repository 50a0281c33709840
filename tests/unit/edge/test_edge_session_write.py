"""A device that waits to be told before it sends: it is told after the subscriptions, for only then can it be heard."""

from dataclasses import replace

from devices.profiles import PROFILES, health_sensor
from edge.core.session import Session
from edge.core.session_words import Command, Event, State, Subscribe, Write

TOLD = Write(health_sensor.CONTROL_POINT, b"\x01")


def visit(answer: Event) -> tuple[Session, list[Command]]:
    """Everything succeeds but the writing, which is answered so."""
    profile = replace(PROFILES["health_sensor"], bonds=False, read_first=(), read=())
    session, done = Session(profile), list[Command]()
    session.on(Event.SEEN, 0)
    commands = session.on(Event.ADMITTED, 0)
    while commands:
        done.append(commands.pop(0))
        commands += session.on(answer if isinstance(done[-1], Write) else Event.DONE, 0)
        if session.state is State.LEAVING:
            break
    return session, done


def test_a_health_sensor_is_told_to_start_when_all_is_subscribed() -> None:
    session, done = visit(Event.DONE)
    assert done[-1] == TOLD
    assert [each.uuid for each in done if isinstance(each, Subscribe)] == list(PROFILES["health_sensor"].subscribe)
    assert session.state is State.LISTENING


def test_a_sensor_without_a_control_point_is_listened_to_all_the_same() -> None:
    session, _ = visit(Event.MISSING)
    assert session.state is State.LISTENING


def test_a_sensor_that_cannot_be_told_is_left() -> None:
    session, _ = visit(Event.FAILED)
    assert session.state is State.LEAVING
