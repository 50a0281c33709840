"""What happens to whom and when, in virtual homes: a script is data, read from JSON."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from devices.virtual.faults import ClockFault

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Baseline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person at rest: %, per minute, degrees Celsius, mmol/L."""

    spo2: Annotated[float, Meta(ge=70, le=100)]
    pulse: Annotated[float, Meta(ge=40, le=140)]
    temperature: Annotated[float, Meta(ge=35, le=41)]
    glucose: Annotated[float, Meta(ge=2, le=30)]


class Patient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reference: str
    name: str
    born_on: str
    pathway: str
    baseline: Baseline


class DeviceInHome(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`place` for a device of the home; without one it is the patient's. `garbled`: which part of a live stream's
    messages breaks its specification. `clock`: what is wrong with the device's own; None: nothing."""

    address: str
    profile: str
    name: str
    place: str | None = None
    garbled: Annotated[float, Meta(ge=0, le=1)] = 0.0
    clock: ClockFault | None = None


class Home(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    gateway: str
    name: str
    address: str
    bucket: int
    seed: int
    patient: Patient
    devices: tuple[DeviceInHome, ...]


class _Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="do"):
    after_s: Seconds
    home: str


class Press(_Step, frozen=True, kw_only=True, tag="press"):
    device: str


class Door(_Step, frozen=True, kw_only=True, tag="door"):
    device: str
    opened: bool


class Fall(_Step, frozen=True, kw_only=True, tag="fall"):
    """Noticed by a pendant; `took_back`: the wearer says at once that nothing happened."""

    device: str
    took_back: bool = False


class Dose(_Step, frozen=True, kw_only=True, tag="dose"):
    """A medicine dispenser's time has run out, or somebody took what it gave."""

    device: str
    taken: bool


class Occupy(_Step, frozen=True, kw_only=True, tag="occupy"):
    """Somebody gets into the bed, or out of it."""

    device: str
    occupied: bool


class Course(_Step, frozen=True, kw_only=True, tag="course"):
    """The person's state moves to a new one over some time."""

    course: Literal["rest", "fever", "desaturation", "hypoglycaemia", "recovery"]
    over_s: Seconds


class Measure(_Step, frozen=True, kw_only=True, tag="measure"):
    """Somebody takes a spot measurement."""

    device: str


class TakeOff(_Step, frozen=True, kw_only=True, tag="off"):
    device: str


class PutOn(_Step, frozen=True, kw_only=True, tag="on"):
    device: str


class Line(_Step, frozen=True, kw_only=True, tag="line"):
    """The gateway's way to the broker."""

    up: bool


Use = Press | Door | Fall | Dose | Occupy | Measure
Step = Use | Course | TakeOff | PutOn | Line


class Expected(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The alert that an episode must raise; `patient` is a reference, `home` a name."""

    rule: str
    priority: str
    patient: str | None = None
    home: str | None = None
    gateway: str | None = None


class Episode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    at_s: Seconds
    title: str
    steps: tuple[Step, ...]
    expect: tuple[Expected, ...] = ()


class Member(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    login: str
    name: str
    initials: str
    role: str


class Practice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole exercise: who works, who lives where, what happens."""

    team: str
    staff: tuple[Member, ...]
    homes: tuple[Home, ...]
    episodes: tuple[Episode, ...]


class ScriptError(ValueError):
    """The script cannot be played; the message says what to correct."""


class Cue(Struct, frozen=True, kw_only=True):
    """One step at its moment, seconds after the start. `opens`: the first step of its episode."""

    at_s: float
    episode: Episode
    step: Step
    opens: bool


def read(path: Path) -> Practice:
    try:
        practice = msgspec.json.decode(path.read_bytes(), type=Practice)
    except OSError as error:
        raise ScriptError(f"cannot read the script {path}: {error.strerror}") from error
    except msgspec.ValidationError as error:
        raise ScriptError(f"{path}: {error}") from error
    except msgspec.DecodeError as error:
        raise ScriptError(f"{path} is not JSON: {error}") from error
    return _checked(practice, path)


def _checked(practice: Practice, path: Path) -> Practice:
    lives = {home.gateway: {device.address for device in home.devices} for home in practice.homes}
    for episode in practice.episodes:
        for step in episode.steps:
            if step.home not in lives:
                raise ScriptError(f"{path}: episode {episode.name!r} names {step.home!r}, which does not exist")
            device = getattr(step, "device", None)
            if device is not None and device not in lives[step.home]:
                raise ScriptError(f"{path}: episode {episode.name!r} names {device}, which is not in {step.home!r}")
    return practice


def chosen(practice: Practice, name: str | None, first_s: float = 10.0) -> tuple[Episode, ...]:
    """All episodes, or the named one alone, `first_s` after the start."""
    if not name:
        return practice.episodes
    for episode in practice.episodes:
        if episode.name == name:
            return (msgspec.structs.replace(episode, at_s=first_s),)
    names = ", ".join(episode.name for episode in practice.episodes)
    raise ScriptError(f"there is no episode {name!r}; choose one of: {names}")


def cues(episodes: tuple[Episode, ...], gateway: str) -> list[Cue]:
    """The steps of one home in the order of their moments."""
    found = [
        Cue(at_s=episode.at_s + step.after_s, episode=episode, step=step, opens=number == 0)
        for episode in episodes
        for number, step in enumerate(episode.steps)
        if step.home == gateway
    ]
    return sorted(found, key=lambda cue: cue.at_s)
