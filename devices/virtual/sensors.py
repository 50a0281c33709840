"""The sensors of a virtual home: peripherals on the air, driven by physiology, with a book of what they said."""

import random
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from devices.profiles import (
    blood_pressure,
    bthome,
    cgm,
    dispenser,
    elapsed_time,
    glucose,
    health_sensor,
    heart_rate,
    oximeter,
    pendant,
    scale,
    thermometer,
)
from devices.profiles.current_time import Summer
from devices.profiles.health_codes import Unit
from devices.units import glucose_mmol_per_l_from_mg_per_dl
from devices.virtual import peripherals
from devices.virtual.faults import Fault, Faulty, wrong_time
from devices.virtual.radio import Air
from devices.virtual.script import DeviceInHome
from devices.vocabulary import KINDS, Kind

MEANINGS_KEPT = 64  # payloads whose words are still to come over the air
BATTERY_PERCENT = 93
GARBLED = (Fault.TRUNCATED, Fault.SURPLUS, Fault.NOISE)


class Physiology(Protocol):
    """A person at `t_s` seconds after the start."""

    def spo2(self, t_s: float) -> float: ...
    def pulse(self, t_s: float) -> float: ...
    def glucose(self, t_s: float) -> float: ...
    def temperature(self, t_s: float) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """`what` is a Kind or an EventType as on the wire. `memory`: the device keeps it until a reader has it."""

    what: str
    value: float | None = None
    at: datetime
    memory: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What all sensors of a home share. `book` takes the device's address and what it said."""

    air: Air
    person: Physiology
    clock: Callable[[], datetime]
    zone: ZoneInfo
    book: Callable[[str, Word], None]


class Sensor:
    """One device at one person. Subclasses answer to the parts of the script that concern them."""

    peripheral: peripherals.Peripheral

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        self.address = device.address
        self.name = device.name
        self.person = around.person
        self.on_body = True
        self._around = around
        self._clock_fault = device.clock
        self._faulty = Faulty(int(device.address.replace(":", ""), 16), rate=device.garbled, faults=GARBLED)
        self._meanings: OrderedDict[bytes, tuple[tuple[str, float | None], ...]] = OrderedDict()

    async def beat(self, t_s: float) -> None:
        """Once in every interval of a live stream."""

    async def measure(self, t_s: float) -> None:
        raise NotImplementedError(f"{self.name} takes no spot measurements")

    async def press(self) -> None:
        raise NotImplementedError(f"{self.name} has no button")

    async def turn(self, opened: bool) -> None:
        raise NotImplementedError(f"{self.name} is not a door")

    async def fall(self, took_back: bool) -> None:
        raise NotImplementedError(f"{self.name} notices no fall")

    async def dose(self, taken: bool) -> None:
        raise NotImplementedError(f"{self.name} gives no medicine")

    async def occupy(self, occupied: bool) -> None:
        raise NotImplementedError(f"{self.name} is neither a bed nor a chair")

    def put(self, on_body: bool) -> None:
        self.on_body = on_body
        self._around.book(self.address, Word(what="sensor_on" if on_body else "sensor_off", at=self._around.clock()))

    def _local_now(self) -> datetime:
        """A meter's clock: local time without a zone, whole seconds."""
        return self._around.clock().astimezone(self._around.zone).replace(microsecond=0, tzinfo=None)

    def _shown(self, local: datetime) -> datetime:
        """By its clock, when that should show `local`."""
        return local if self._clock_fault is None else wrong_time(self._clock_fault, local)

    def _book_kept(self, local: datetime, *words: tuple[str, float]) -> None:
        """What a device measured at `local` and keeps until a reader has it."""
        at = local.replace(tzinfo=self._around.zone).astimezone(UTC)
        for what, value in words:
            self._around.book(self.address, Word(what=what, value=float(value), at=at, memory=True))

    def _on_air(self, payload: bytes) -> tuple[bytes, ...]:
        return self._faulty.send(payload).payloads

    def _remember(self, payload: bytes, *words: tuple[str, float | None]) -> None:
        self._meanings[payload] = words
        self._meanings.move_to_end(payload)
        if len(self._meanings) > MEANINGS_KEPT:
            self._meanings.popitem(last=False)

    def on_said(self, _address: str, _uuid: str, payload: bytes) -> None:
        at = self._around.clock()
        for what, value in self._meanings.get(payload, ()):
            self._around.book(self.address, Word(what=what, value=value, at=at))


class ChestStrap(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.strap = peripherals.HeartRate(
            around.air, name=device.name, address=device.address, on_said=self.on_said, battery_percent=BATTERY_PERCENT
        )

    async def beat(self, t_s: float) -> None:
        pulse = round(self.person.pulse(t_s))
        payload = heart_rate.encode_measurement(per_min=pulse, on_body=self.on_body, rr_s=(60 / pulse,))
        self._remember(payload, *((("heart_rate", float(pulse)),) if self.on_body else ()))
        for each in self._on_air(payload):
            await self.strap.publish(each)


class Oximeter(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.clip = peripherals.PulseOximeter(
            around.air, name=device.name, address=device.address, on_said=self.on_said, battery_percent=BATTERY_PERCENT
        )

    async def beat(self, t_s: float) -> None:
        if not self.on_body:
            off = oximeter.Sensor.NOT_ON_USER
            await self.clip.publish_continuous(
                oximeter.encode_continuous(spo2_percent=None, pulse_per_min=None, sensor=off)
            )
            return
        spo2, pulse = float(round(self.person.spo2(t_s))), float(round(self.person.pulse(t_s)))
        payload = oximeter.encode_continuous(spo2_percent=spo2, pulse_per_min=pulse, sensor=oximeter.Sensor(0))
        self._remember(payload, ("spo2", spo2), ("pulse_rate", pulse))
        for each in self._on_air(payload):
            await self.clip.publish_continuous(each)


class GlucoseMeter(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.meter = peripherals.Glucose(
            around.air, name=device.name, address=device.address, battery_percent=BATTERY_PERCENT
        )
        self._records = 0

    async def measure(self, t_s: float) -> None:
        self._records += 1
        value, local = round(self.person.glucose(t_s), 1), self._local_now()
        self.meter.measure(glucose.encode_measurement(record=self._records, at=self._shown(local), mmol_per_l=value))
        at = local.replace(tzinfo=self._around.zone).astimezone(UTC)
        self._around.book(self.address, Word(what="glucose", value=value, at=at, memory=True))


class EarThermometer(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.thermometer = peripherals.Thermometer(
            around.air, name=device.name, address=device.address, battery_percent=BATTERY_PERCENT
        )

    async def measure(self, t_s: float) -> None:
        value, local = round(self.person.temperature(t_s), 1), self._local_now()
        self.thermometer.measure(thermometer.encode_measurement(celsius=value, at=self._shown(local)))
        at = local.replace(tzinfo=self._around.zone).astimezone(UTC)
        self._around.book(self.address, Word(what="body_temperature", value=value, at=at, memory=True))


class BloodPressureMeter(Sensor):
    """A heart that hurries pumps harder: the pressure follows the pulse, as far as an exercise needs."""

    wants_time = False

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.meter = peripherals.BloodPressure(
            around.air,
            name=device.name,
            address=device.address,
            battery_percent=BATTERY_PERCENT,
            wants_time=self.wants_time,
        )

    async def measure(self, t_s: float) -> None:
        pulse = round(self.person.pulse(t_s))
        systolic, diastolic = round(126 + (pulse - 70) / 2), round(78 + (pulse - 70) / 4)
        local = self._local_now()
        self.meter.measure(
            blood_pressure.encode_measurement(
                systolic_mmhg=systolic,
                diastolic_mmhg=diastolic,
                pulse_per_min=pulse,
                at=self._shown(local),
                status=blood_pressure.Status(0),
            )
        )
        self._book_kept(local, ("systolic", systolic), ("diastolic", diastolic), ("pulse_rate", pulse))


class OmronMeter(BloodPressureMeter):
    wants_time = True


class BathroomScale(Sensor):
    """The same person every day, give or take what a glass of water weighs."""

    LIGHTEST_KG, RANGE_KG = 55.0, 40.0

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.scale = peripherals.Scale(
            around.air, name=device.name, address=device.address, battery_percent=BATTERY_PERCENT
        )
        self._chance = random.Random(device.address)
        self._usual_kg = self.LIGHTEST_KG + self._chance.random() * self.RANGE_KG

    async def measure(self, t_s: float) -> None:
        kg = round(self._usual_kg + self._chance.uniform(-0.3, 0.3), 1)
        fat, water_kg = 27.5, round(kg * 0.52, 1)
        local = self._local_now()
        at = self._shown(local)
        self.scale.weigh(
            scale.encode_weight(kg=kg, at=at),
            scale.encode_composition(fat_percent=fat, water_kg=water_kg),  # says neither who nor when, as Beurer's do
        )
        self._book_kept(local, ("weight", kg), ("body_fat", fat), ("body_water", water_kg))


class GlucosePatch(Sensor):
    """In the arm since two days; a record for each minute, with a little of what the blood has had minutes before."""

    WORN = timedelta(days=2)

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self._began = (around.clock() - self.WORN).replace(second=0, microsecond=0)
        local = self._began.astimezone(around.zone)
        summer = local.dst() or timedelta()
        self.peripheral = self.patch = peripherals.GlucoseSensor(
            around.air,
            name=device.name,
            address=device.address,
            battery_percent=BATTERY_PERCENT,
            session_start=cgm.encode_session_start(
                local.replace(tzinfo=None),
                zone=(local.utcoffset() or timedelta()) - summer,
                summer=Summer.AN_HOUR if summer else Summer.STANDARD,
            ),
        )
        self._minute = self._minutes_worn()

    def _minutes_worn(self) -> int:
        return (self._around.clock() - self._began) // timedelta(minutes=1)

    async def beat(self, t_s: float) -> None:
        if (minute := self._minutes_worn()) <= self._minute or not self.on_body:
            return
        self._minute = minute
        mg_per_dl = cgm.whole_mg_per_dl(self.person.glucose(t_s))
        payload = cgm.encode_measurement(offset_min=minute, mg_per_dl=mg_per_dl)
        value = float(glucose_mmol_per_l_from_mg_per_dl(Decimal(mg_per_dl)))
        at = self._began + minute * timedelta(minutes=1)
        self._around.book(self.address, Word(what="glucose_isf", value=value, at=at, memory=True))
        self.patch.measure(payload)


class Spirometer(Sensor):
    """Who has less oxygen blows less hard: peak flow and FEV1 follow the saturation, as far as an exercise needs."""

    MESSAGE_BYTES = 20  # of an ATT notification at the smallest MTU: an observation has several segments

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.peripheral = self.sensor = peripherals.HealthSensor(
            around.air, name=device.name, address=device.address, battery_percent=BATTERY_PERCENT
        )
        self._segments = 0

    async def measure(self, t_s: float) -> None:
        short_of = max(0.0, 97 - self.person.spo2(t_s))
        peak_flow, fev1 = round(max(60.0, 430 - 18 * short_of)), round(max(0.4, 2.6 - 0.1 * short_of), 2)
        local = self._local_now()
        since = self._shown(local) - elapsed_time.EPOCH
        observation = health_sensor.encode_bundle(
            health_sensor.encode_numeric(mdc=KINDS[Kind.PEAK_FLOW].mdc, unit=Unit.L_PER_MIN, value=peak_flow),
            health_sensor.encode_numeric(mdc=KINDS[Kind.FEV1].mdc, unit=Unit.L, value=fev1, decimals=2),
            since=max(since, timedelta()),
        )
        cut = health_sensor.segments(observation, size=self.MESSAGE_BYTES, counter=self._segments)
        self._segments = (self._segments + len(cut)) % health_sensor.SEGMENTS
        self.sensor.set_clock(elapsed_time.encode_clock(max(since, timedelta()), is_utc=False))
        self.sensor.observe(*cut)
        self._book_kept(local, ("peak_flow", peak_flow), ("fev1", fev1))


class _Advertiser(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self._packet_id = 0
        self.peripheral = self.advertiser = peripherals.BTHomeAdvertiser(
            around.air, name=device.name, address=device.address, on_said=self.on_said
        )

    def _next_packet(self) -> int:
        self._packet_id = (self._packet_id + 1) % 256
        return self._packet_id


class Button(_Advertiser):
    event = "sos"

    async def press(self) -> None:
        payload = bthome.encode_button(
            press=bthome.Press.SHORT, packet_id=self._next_packet(), battery_percent=BATTERY_PERCENT
        )
        self._remember(payload, (self.event, None))
        await self.advertiser.publish(payload)


class FallPendant(Button):
    event = "fall"


class FrontDoor(_Advertiser):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self._air_state(opened=False)

    def _air_state(self, *, opened: bool) -> bytes:
        payload = bthome.encode_door(opened=opened, packet_id=self._next_packet(), battery_percent=BATTERY_PERCENT)
        self.advertiser.set_idle(payload)
        return payload

    async def turn(self, opened: bool) -> None:
        payload = self._air_state(opened=opened)
        self._remember(payload, ("door_opened" if opened else "door_closed", None))
        await self.advertiser.publish(payload)


class Pendant(_Advertiser):
    """The one that says more than a press: the wearer's own, a fall, and whether the wearer took that back."""

    async def press(self) -> None:
        await self._say("sos", pressed=True)

    async def fall(self, took_back: bool) -> None:
        await self._say("fall", fell=True, took_back=took_back)

    async def _say(self, event: str, *, pressed: bool = False, fell: bool = False, took_back: bool = False) -> None:
        payload = pendant.encode(
            pressed=pressed,
            fell=fell,
            took_back=took_back,
            packet_id=self._next_packet(),
            battery_percent=BATTERY_PERCENT,
        )
        self._remember(payload, (event, None))
        await self.advertiser.publish(payload)


class Dispenser(_Advertiser):
    async def dose(self, taken: bool) -> None:
        payload = dispenser.encode(
            taken=taken, missed=not taken, packet_id=self._next_packet(), battery_percent=BATTERY_PERCENT
        )
        self._remember(payload, ("dose_taken" if taken else "dose_missed", None))
        await self.advertiser.publish(payload)


class Bed(_Advertiser):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self.advertiser.set_idle(self._state(occupied=True))

    def _state(self, *, occupied: bool) -> bytes:
        return bthome.encode_detector(
            detector=bthome.Object.OCCUPANCY,
            detected=occupied,
            packet_id=self._next_packet(),
            battery_percent=BATTERY_PERCENT,
        )

    async def occupy(self, occupied: bool) -> None:
        payload = self._state(occupied=occupied)
        self.advertiser.set_idle(payload)
        self._remember(payload, ("occupied" if occupied else "vacant", None))
        await self.advertiser.publish(payload)


class Detector(_Advertiser):
    """Smoke, gas, water, motion or vibration: "press" is its test button, and what it says is an alarm."""

    def __init__(self, device: DeviceInHome, around: Around, detector: bthome.Object, event: str) -> None:
        super().__init__(device, around)
        self._detector, self._event = detector, event

    async def press(self) -> None:
        payload = bthome.encode_detector(
            detector=self._detector,
            detected=True,
            packet_id=self._next_packet(),
            battery_percent=BATTERY_PERCENT,
        )
        self._remember(payload, (self._event, None))
        await self.advertiser.publish(payload)


SENSORS: dict[str, Callable[[DeviceInHome, Around], Sensor]] = {
    "heart_rate": ChestStrap,
    "oximeter": Oximeter,
    "glucose": GlucoseMeter,
    "thermometer": EarThermometer,
    "blood_pressure": BloodPressureMeter,
    "blood_pressure_omron": OmronMeter,
    "scale": BathroomScale,
    "cgm": GlucosePatch,
    "health_sensor": Spirometer,
    "bthome_sos": Button,
    "bthome_fall": FallPendant,
    "bthome_door": FrontDoor,
    "bthome_bed": Bed,
    "bthome_smoke": partial(Detector, detector=bthome.Object.SMOKE, event="smoke"),
    "bthome_gas": partial(Detector, detector=bthome.Object.GAS, event="gas"),
    "bthome_water": partial(Detector, detector=bthome.Object.MOISTURE, event="water"),
    "bthome_motion": partial(Detector, detector=bthome.Object.MOTION, event="motion"),
    "bthome_vibration": partial(Detector, detector=bthome.Object.VIBRATION, event="vibration"),
    "pendant": Pendant,
    "dispenser": Dispenser,
}
