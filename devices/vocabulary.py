"""The words that gateway and server share: kinds of observation, events, and how sure we are."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What was measured. The value is the word on the wire."""

    HEART_RATE = "heart_rate"
    PULSE_RATE = "pulse_rate"
    SPO2 = "spo2"
    GLUCOSE = "glucose"
    BODY_TEMPERATURE = "body_temperature"
    BATTERY = "battery"
    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    MEAN_ARTERIAL = "mean_arterial"
    WEIGHT = "weight"
    RESPIRATORY_RATE = "respiratory_rate"
    PEAK_FLOW = "peak_flow"
    FEV1 = "fev1"
    FVC = "fvc"
    GLUCOSE_ISF = "glucose_isf"  # interstitial fluid: a continuous glucose sensor, minutes behind the blood
    HEIGHT = "height"
    BMI = "bmi"
    BODY_FAT = "body_fat"
    MUSCLE_MASS = "muscle_mass"
    BODY_WATER = "body_water"
    PERFUSION_INDEX = "perfusion_index"  # the oximeter's "pulse amplitude index": how strong the signal is
    RR_INTERVAL = "rr_interval"


@dataclass(frozen=True, kw_only=True, slots=True)
class KindFacts:
    """`number` is the key in the database and never changes; `lowest`..`highest` is what is physically
    possible for a living person (a value outside is a fault, not a reading); `mdc` is partition << 16 | code."""

    number: int
    loinc: str
    ucum: str
    mdc: int
    lowest: float
    highest: float
    decimals: int


# LOINC and UCUM: HL7Norway VkpObservation; BATTERY and the lung function codes from LOINC by memory, to be checked [R].
# MDC: IEEE 11073-10101.
KINDS: Final = MappingProxyType(
    {
        Kind.HEART_RATE: KindFacts(
            number=1, loinc="8867-4", ucum="/min", mdc=147842, lowest=10, highest=350, decimals=0
        ),
        Kind.PULSE_RATE: KindFacts(
            number=2, loinc="8889-8", ucum="/min", mdc=149530, lowest=10, highest=350, decimals=0
        ),
        Kind.SPO2: KindFacts(number=3, loinc="2708-6", ucum="%", mdc=150456, lowest=1, highest=100, decimals=0),
        Kind.GLUCOSE: KindFacts(
            number=4, loinc="15074-8", ucum="mmol/L", mdc=160184, lowest=0.1, highest=60, decimals=1
        ),
        Kind.BODY_TEMPERATURE: KindFacts(
            number=5, loinc="8310-5", ucum="Cel", mdc=150364, lowest=20, highest=46, decimals=1
        ),
        Kind.BATTERY: KindFacts(number=6, loinc="", ucum="%", mdc=67996, lowest=0, highest=100, decimals=0),
        Kind.SYSTOLIC: KindFacts(
            number=7, loinc="8480-6", ucum="mm[Hg]", mdc=150021, lowest=20, highest=320, decimals=0
        ),
        Kind.DIASTOLIC: KindFacts(
            number=8, loinc="8462-4", ucum="mm[Hg]", mdc=150022, lowest=10, highest=250, decimals=0
        ),
        Kind.MEAN_ARTERIAL: KindFacts(
            number=9, loinc="8478-0", ucum="mm[Hg]", mdc=150023, lowest=10, highest=280, decimals=0
        ),
        Kind.WEIGHT: KindFacts(number=10, loinc="29463-7", ucum="kg", mdc=188736, lowest=1, highest=500, decimals=1),
        Kind.RESPIRATORY_RATE: KindFacts(
            number=11, loinc="9279-1", ucum="/min", mdc=151562, lowest=1, highest=120, decimals=0
        ),
        Kind.PEAK_FLOW: KindFacts(
            number=12, loinc="19935-6", ucum="L/min", mdc=152584, lowest=10, highest=1500, decimals=0
        ),
        Kind.FEV1: KindFacts(number=13, loinc="20150-9", ucum="L", mdc=152586, lowest=0.05, highest=12, decimals=2),
        Kind.FVC: KindFacts(number=14, loinc="19870-5", ucum="L", mdc=188928, lowest=0.05, highest=15, decimals=2),
        Kind.GLUCOSE_ISF: KindFacts(
            number=15, loinc="105272-9", ucum="mmol/L", mdc=160212, lowest=0.1, highest=60, decimals=1
        ),
        Kind.HEIGHT: KindFacts(number=16, loinc="8302-2", ucum="cm", mdc=188740, lowest=20, highest=280, decimals=0),
        Kind.BMI: KindFacts(number=17, loinc="39156-5", ucum="kg/m2", mdc=188752, lowest=5, highest=200, decimals=1),
        Kind.BODY_FAT: KindFacts(number=18, loinc="41982-0", ucum="%", mdc=188748, lowest=1, highest=95, decimals=1),
        Kind.MUSCLE_MASS: KindFacts(number=19, loinc="73964-9", ucum="kg", mdc=0, lowest=0.5, highest=250, decimals=1),
        Kind.BODY_WATER: KindFacts(
            number=20, loinc="73706-4", ucum="kg", mdc=188764, lowest=0.5, highest=300, decimals=1
        ),
        Kind.PERFUSION_INDEX: KindFacts(
            number=21, loinc="61006-3", ucum="%", mdc=150488, lowest=0, highest=100, decimals=1
        ),
        Kind.RR_INTERVAL: KindFacts(
            number=22, loinc="80404-7", ucum="ms", mdc=147240, lowest=150, highest=6000, decimals=0
        ),
    }
)
KIND_BY_NUMBER: Final = MappingProxyType({facts.number: kind for kind, facts in KINDS.items()})


class Quality(IntEnum):
    """How far the device itself trusts the value. Numbers are stored."""

    GOOD = 0
    QUESTIONABLE = 1  # the device flags it: poor signal, measurement ongoing, early estimate
    NO_READING = 2  # NaN, NRes, reserved: no value, but the attempt is a fact
    DEMONSTRATION = 3  # control solution, demo data: never a patient's reading


class Sign(IntEnum):
    """A value that the device called below or above its own range is a limit, not a value."""

    BELOW = -1
    EXACT = 0
    ABOVE = 1


class ClockTrust(IntEnum):
    """How `taken_at` is known. Numbers are stored."""

    CHECKED = 0  # the device's clock was compared with ours
    CORRECTED = 1  # the device's clock was wrong by a known amount
    ARRIVAL = 2  # no time from the device: when the gateway heard it
    DEVICE = 3  # the device's own time of a stored reading: possible, but its clock was never compared with ours


class Mode(IntEnum):
    """How a reading came to be; persistence applies to continuous streams only. Numbers are stored."""

    SPOT = 0
    CONTINUOUS = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One reading, or one thinned interval: `n` raw values over `span_s` seconds, `value` their median, `low` and
    `high` the smallest and largest. `taken_at` is the reading's instant; of an interval, its first one.

    `device` is the sensor's Bluetooth address in capitals with colons, `slot` the user slot of a shared meter (0:
    it has none). `value` is in the kind's UCUM unit; None only with Quality.NO_READING. `record` is the number in the
    device's memory."""

    device: str
    slot: int = 0
    kind: Kind
    taken_at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 1
    span_s: float = 0.0
    quality: Quality = Quality.GOOD
    sign: Sign = Sign.EXACT
    clock: ClockTrust = ClockTrust.ARRIVAL
    mode: Mode = Mode.SPOT
    record: int | None = None


class EventType(StrEnum):
    """What a device says happened. The value is the word on the wire and in the database."""

    FALL = "fall"
    SOS = "sos"
    SMOKE = "smoke"
    WATER = "water"
    CO = "co"
    DOOR_OPENED = "door_opened"
    DOOR_CLOSED = "door_closed"
    MOTION = "motion"
    SENSOR_OFF = "sensor_off"  # taken off the body or no contact
    SENSOR_ON = "sensor_on"
    GAS = "gas"
    OCCUPIED = "occupied"  # bed, chair or room: somebody is there
    VACANT = "vacant"
    VIBRATION = "vibration"
    DOSE_TAKEN = "dose_taken"
    DOSE_MISSED = "dose_missed"
    PROOF = "proof"  # the alarm path is tried, as the server asked: it concerns nobody and rings nowhere
    LOCAL_ALARM = "local_alarm"  # with the line down the gateway itself gave the alarm at home, because of this device


# Alert at once, each time; never cleared by anything but a person (DESIGN.md, promise 5).
CALLS_FOR_HELP: Final = frozenset(
    {EventType.FALL, EventType.SOS, EventType.SMOKE, EventType.WATER, EventType.CO, EventType.GAS}
)


NO_DEVICE: Final = "00:00:00:00:00:00"  # of an event that is the gateway's own


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    device: str
    slot: int = 0
    type: EventType
    occurred_at: datetime
    clock: ClockTrust = ClockTrust.ARRIVAL


class GapReason(StrEnum):
    AGENT_RESTARTED = "agent_restarted"
    NOT_CONNECTED = "not_connected"
    NOT_WRITTEN = "not_written"  # heard, but the gateway's disk could not take it


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A continuous stream had no samples between two instants, and why."""

    device: str
    slot: int = 0
    from_at: datetime
    to_at: datetime
    why: GapReason


Item = Observation | Event | Gap
