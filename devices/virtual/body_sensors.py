"""The sensors that measure a person, on the body or beside it."""

import random
from datetime import UTC, timedelta
from decimal import Decimal

from devices.profiles import (
    blood_pressure,
    cgm,
    cgm_record,
    current_time,
    elapsed_time,
    glucose,
    health_sensor,
    heart_rate,
    oximeter,
    scale_composition,
    scale_weight,
    thermometer,
)
from devices.profiles.current_time import Summer
from devices.profiles.health_codes import Unit
from devices.units import glucose_mmol_per_l_from_mg_per_dl
from devices.virtual import peripherals
from devices.virtual.script import DeviceInHome
from devices.virtual.sensor import BATTERY_PERCENT, Around, Sensor, Word
from devices.vocabulary import KINDS, Kind


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
            around.air,
            name=device.name,
            address=device.address,
            battery_percent=BATTERY_PERCENT,
            clock=lambda: current_time.encode(self._shown(self._local_now())),
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
            scale_weight.encode(kg=kg, at=at),
            scale_composition.encode(fat_percent=fat, water_kg=water_kg),  # says neither who nor when, as Beurer's do
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
        payload = cgm_record.encode_measurement(offset_min=minute, mg_per_dl=mg_per_dl)
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
