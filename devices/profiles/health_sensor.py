"""Generic Health Sensor Service (1840): live (2B8B) and stored (2BDD) health observations; the clock is Elapsed Time
(2BF2). GHSS 1.0, 2023; IEEE 11073-10206 for the classes, 11073-10101 for types and units.

The specification's text was not at hand: order and size of the fields are those of two implementations of the adopted
edition that agree, ST's Generic Health pulse oximeter (STM32CubeWBA, ghs_app.c, 2024) and Realtek's ghss_gatt_svc.h,
and of Philips' simulator, by its editors. What only one of them shows is marked [R].

An observation is cut into segments; it is read when the last one is there. Any number with a kind of ours is kept.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.ieee11073 import FLOAT_NAN, medfloat_word
from devices.profiles import battery, blood_pressure, cgm, device_information, elapsed_time, glucose
from devices.profiles.base import Decode, Profile, Quirk, Reach, Reading, Said, SessionStarted, uuid16
from devices.profiles.decoding import by_characteristic, reading, slot_of
from devices.profiles.elapsed_time import EPOCH, Elapsed
from devices.profiles.health_codes import TYPES, Unit, converted
from devices.vocabulary import Kind, Mode, Quality, Sign

SERVICE: Final = uuid16(0x1840)
LIVE: Final = uuid16(0x2B8B)
STORED: Final = uuid16(0x2BDD)
CONTROL_POINT: Final = uuid16(0x2BF4)
START_LIVE, SUCCESS = 0x01, 0x80  # of the control point

FIRST_SEGMENT, LAST_SEGMENT = 0x01, 0x02
SEGMENTS: Final = 64  # the counter has six bits
LONGEST: Final = 2048  # bytes of an observation: a bundle of numbers has a hundred; a wave is not for us


class Class(IntEnum):
    """Observation Class Type."""

    NUMERIC = 0x01
    DISCRETE = 0x02
    STRING = 0x03
    SAMPLES = 0x04
    DISCRETE_EVENTS = 0x05
    STATE_EVENTS = 0x06
    COMPOUND = 0x07
    TLV = 0x08
    BUNDLE = 0xFF


class Flag(IntFlag):
    TYPE = 1 << 0
    TIME = 1 << 1
    DURATION = 1 << 2
    STATUS = 1 << 3
    ID = 1 << 4
    PATIENT = 1 << 5
    SUPPLEMENT = 1 << 6
    DERIVED_FROM = 1 << 7
    MEMBER_OF = 1 << 8
    TLVS = 1 << 9


class Status(IntFlag):
    """Measurement Status."""

    INVALID = 1 << 0
    QUESTIONABLE = 1 << 1
    NOT_AVAILABLE = 1 << 2
    CALIBRATING = 1 << 3
    TEST_DATA = 1 << 4
    EARLY_ESTIMATE = 1 << 5
    MANUALLY_ENTERED = 1 << 6
    SETTING = 1 << 7
    THRESHOLD_ERROR = 1 << 14
    THRESHOLDING_DISABLED = 1 << 15


NO_VALUE: Final = Status.INVALID | Status.NOT_AVAILABLE
# What somebody typed in was measured, if at all, with another device than the one that we know.
DOUBTFUL: Final = Status.QUESTIONABLE | Status.CALIBRATING | Status.EARLY_ESTIMATE | Status.MANUALLY_ENTERED


_MODALITY_FAST, _MODALITY_SLOW = 150580, 150584  # MDC_MODALITY_*: a stream; 150588 is a spot check


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What is said of an observation before its value. A bundle's observations have what the bundle says."""

    type: int = 0
    elapsed: Elapsed | None = None
    status: int = 0
    slot: int = 0
    mode: Mode = Mode.SPOT
    record: int | None = None


def _about(reader: Reader, bundle: About) -> About:
    flags = reader.u16("flags")
    kind = reader.u32("observation type") if flags & Flag.TYPE else bundle.type
    elapsed = elapsed_time.read(reader) if flags & Flag.TIME else bundle.elapsed
    if flags & Flag.DURATION:
        reader.medfloat("measurement duration")
    status = reader.u16("measurement status") if flags & Flag.STATUS else bundle.status
    if flags & Flag.ID:
        reader.u32("observation id")
    slot = slot_of(reader.u8("patient")) if flags & Flag.PATIENT else bundle.slot
    mode = bundle.mode
    if flags & Flag.SUPPLEMENT and {_MODALITY_FAST, _MODALITY_SLOW} & set(_codes(reader, "supplement")):
        mode = Mode.CONTINUOUS
    for flag, what in ((Flag.DERIVED_FROM, "derived from"), (Flag.MEMBER_OF, "member of")):
        if flags & flag:
            _codes(reader, what)
    if flags & Flag.TLVS:
        _skip_tlvs(reader)
    return About(type=kind, elapsed=elapsed, status=status, slot=slot, mode=mode, record=bundle.record)


def _codes(reader: Reader, what: str) -> tuple[int, ...]:
    return tuple(reader.u32(what) for _ in range(reader.u8(f"number of {what}")))


def _skip_tlvs(reader: Reader) -> None:
    """[R: Philips] Type, length of the value, its format, the value."""
    for _ in range(reader.u8("number of attributes")):
        reader.u32("attribute type")
        length = reader.u16("attribute length")
        reader.u8("attribute format")
        reader.raw(length, "attribute")


def _observation(reader: Reader, bundle: About, *, is_inside: bool = False) -> Iterator[Reading]:
    """The length counts what comes after it (ST); Philips' simulator counted these three bytes too."""
    form = reader.u8("observation class")
    body = Reader(reader.raw(reader.u16("length"), "observation"))
    about = _about(body, bundle)
    if form == Class.NUMERIC:
        yield from _numeric(body, about)
    elif form == Class.COMPOUND:
        for _ in range(body.u8("number of components")):
            yield from _component(body, about)
    elif form == Class.BUNDLE:
        if is_inside:
            raise DecodeError("a bundle in a bundle")
        for _ in range(body.u8("number of observations")):
            yield from _observation(body, about, is_inside=True)
    else:  # of another form than a number: not for us
        return
    body.end()


def _component(reader: Reader, about: About) -> Iterator[Reading]:
    kind, form = reader.u32("component type"), reader.u8("component class")
    match form:
        case Class.NUMERIC:
            yield from _numeric(reader, replace(about, type=kind))
        case Class.DISCRETE:
            reader.u32("discrete value")
        case Class.STRING:
            reader.raw(reader.u16("length of text"), "text")
        case Class.DISCRETE_EVENTS:
            _codes(reader, "events")
        case _:
            raise DecodeError(f"a component of class {form}: its end cannot be found")


def _numeric(reader: Reader, about: About) -> Iterator[Reading]:
    unit, value = reader.u16("unit"), reader.medfloat("value")
    found = TYPES.get(about.type)
    if found is None or about.status & Status.SETTING:  # what a device is set to is nobody's measurement
        return
    kind, is_control = found
    sign = Sign.EXACT
    if value is not None and value.is_infinite() and kind in RANGE:
        sign = Sign.ABOVE if value > 0 else Sign.BELOW
        value = RANGE[kind][value > 0]
    elif value is not None and value.is_finite():
        value = converted(kind, unit, value)
    elapsed = about.elapsed
    yield reading(
        kind,
        value,
        quality=_quality(about.status, is_control),
        sign=sign,
        mode=about.mode,
        device_time=EPOCH + elapsed.since if elapsed is not None and not elapsed.is_utc else None,
        record=about.record,
        slot=about.slot,
        into_session=elapsed.since if elapsed is not None and elapsed.is_utc else None,
    )


# An infinite value is outside the range of a device of which we know only the kind: the narrowest range of all.
RANGE: Final[Mapping[Kind, tuple[Decimal, Decimal]]] = MappingProxyType(
    {
        Kind.GLUCOSE: (glucose.LO_MMOL_PER_L, glucose.HI_MMOL_PER_L),
        Kind.GLUCOSE_ISF: (cgm.LO_MMOL_PER_L, cgm.HI_MMOL_PER_L),
        **blood_pressure.RANGE,
    }
)


def _quality(status: int, is_control: bool) -> Quality:
    if status & NO_VALUE:
        return Quality.NO_READING
    if is_control or status & Status.TEST_DATA:
        return Quality.DEMONSTRATION
    return Quality.QUESTIONABLE if status & DOUBTFUL else Quality.GOOD


def _said(observation: bytes, is_stored: bool) -> tuple[Said, ...]:
    """A time in UTC is said as a session that began with the year 2000: the words for a clock that only counts."""
    reader = Reader(observation)
    record = reader.u32("record number") if is_stored else None  # [R: Philips]
    readings = tuple(_observation(reader, About(record=record)))
    reader.end()
    if all(each.into_session is None for each in readings):
        return readings
    return (SessionStarted(at=EPOCH, utc_offset=timedelta()), *readings)


class Segments:
    """One characteristic's segments. One that got lost takes its observation with it, and no other."""

    def __init__(self, *, is_stored: bool) -> None:
        self._is_stored = is_stored
        self._observation: bytearray | None = None
        self._is_skipped = False  # too long for us: silent until the next one begins
        self._next = 0

    def decode(self, data: bytes) -> tuple[Said, ...]:
        reader = Reader(data)
        header = reader.u8("segmentation header")
        content, counter = reader.raw(reader.left, "segment"), header >> 2
        if header & FIRST_SEGMENT:
            self._observation, self._is_skipped = bytearray(), False
        elif self._is_skipped:
            return ()
        elif self._observation is None or counter != self._next:
            self._observation = None
            raise DecodeError(f"segment {counter} without the one before it")
        self._next = (counter + 1) % SEGMENTS
        return self._take(content, is_last=bool(header & LAST_SEGMENT))

    def _take(self, content: bytes, *, is_last: bool) -> tuple[Said, ...]:
        assert self._observation is not None
        self._observation += content
        if len(self._observation) > LONGEST:
            self._observation, self._is_skipped = None, True
            raise DecodeError(f"an observation of more than {LONGEST} bytes: a wave, or no end")
        if not is_last:
            return ()
        whole, self._observation = bytes(self._observation), None
        return _said(whole, self._is_stored)


def decode_control(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    answer = reader.u8("answer")
    reader.end()
    if answer != SUCCESS:
        raise DecodeError(f"the control point answers {answer:#04x}: live observations will not come")
    return ()


_DECODERS: Final[Mapping[str, Callable[[bytes], tuple[Said, ...]]]] = MappingProxyType(
    {
        CONTROL_POINT: decode_control,
        elapsed_time.ELAPSED_TIME: elapsed_time.decode,
        battery.LEVEL: battery.decode,
        **device_information.DECODERS,
    }
)


def joined() -> Decode:
    live, stored = Segments(is_stored=False), Segments(is_stored=True)
    return by_characteristic({**_DECODERS, LIVE: live.decode, STORED: stored.decode})


PROFILE: Final = Profile(
    name="health_sensor",
    reach=Reach.SPOT,
    measures=frozenset({Kind.PEAK_FLOW, Kind.FEV1, Kind.FVC}),  # what those that we know of are; it could say anything
    service=SERVICE,
    read_first=(elapsed_time.ELAPSED_TIME,),
    subscribe=(LIVE, STORED, CONTROL_POINT),
    write=((CONTROL_POINT, bytes((START_LIVE,))),),
    read=(battery.LEVEL, *device_information.READ),
    decode=lambda uuid, data: joined()(uuid, data),
    joined=joined,
    bonds=True,
    quirks=(
        Quirk(
            what="It sends no live observation until it is told to start.",
            source="STMicroelectronics/STM32CubeWBA, BLE_GenericHealth_PulseOximeter, ghs_app.c",
        ),
        Quirk(
            what="Its stored observations are had by an order of its own (combined report, 0x07), which is not given.",
            source="Realtek, ghss_gatt_svc.h; philips-labs/BLE-GHS-Server-Simulator, GhsRacpHandler.kt",
        ),
    ),
)


def encode_numeric(
    *,
    mdc: int,
    unit: Unit,
    value: float | None,
    decimals: int = 0,
    since: timedelta | None = None,
    is_utc: bool = False,
    patient: int | None = None,
    status: Status | None = None,
) -> bytes:
    """One observation, not yet in segments. `since`: 2000, by the sensor's clock, local or UTC."""
    present = {Flag.TYPE: True, Flag.TIME: since is not None, Flag.STATUS: status is not None}
    flags = sum(flag for flag, is_there in present.items() if is_there) | (0 if patient is None else Flag.PATIENT)
    about = (
        mdc.to_bytes(4, "little")
        + (b"" if since is None else elapsed_time.encode(since, is_utc=is_utc))
        + (b"" if status is None else status.to_bytes(2, "little"))
        + (b"" if patient is None else bytes((patient,)))
    )
    return _body(Class.NUMERIC, flags.to_bytes(2, "little") + about + _value(unit, value, decimals))


def encode_bundle(*observations: bytes, since: timedelta | None = None, is_utc: bool = False) -> bytes:
    flags = 0 if since is None else Flag.TIME
    time = b"" if since is None else elapsed_time.encode(since, is_utc=is_utc)
    content = flags.to_bytes(2, "little") + time + bytes((len(observations),)) + b"".join(observations)
    return _body(Class.BUNDLE, content)


def segments(observation: bytes, *, size: int, counter: int) -> list[bytes]:
    """`size`: how many bytes fit into one message; `counter`: of the first one."""
    room = size - 1
    parts = [observation[at : at + room] for at in range(0, len(observation), room)]
    return [
        bytes(((counter + place) % SEGMENTS << 2 | (place == 0) | (place == len(parts) - 1) << 1,)) + part
        for place, part in enumerate(parts)
    ]


def _body(form: Class, content: bytes) -> bytes:
    return bytes((form,)) + len(content).to_bytes(2, "little") + content


def _value(unit: Unit, value: float | None, decimals: int) -> bytes:
    word = FLOAT_NAN if value is None else medfloat_word(value, decimals)
    return unit.to_bytes(2, "little") + word.to_bytes(4, "little")
