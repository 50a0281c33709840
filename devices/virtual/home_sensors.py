"""The sensors of the home itself, and the buttons: they advertise, and nobody connects to them."""

from devices.profiles import bthome, dispenser, pendant
from devices.virtual import peripherals
from devices.virtual.script import DeviceInHome
from devices.virtual.sensor import BATTERY_PERCENT, Around, Sensor


class Advertiser(Sensor):
    def __init__(self, device: DeviceInHome, around: Around) -> None:
        super().__init__(device, around)
        self._packet_id = 0
        self.peripheral = self.advertiser = peripherals.BTHomeAdvertiser(
            around.air, name=device.name, address=device.address, on_said=self.on_said
        )

    def _next_packet(self) -> int:
        self._packet_id = (self._packet_id + 1) % 256
        return self._packet_id


class Button(Advertiser):
    event = "sos"

    async def press(self) -> None:
        payload = bthome.encode_button(
            press=bthome.Press.SHORT, packet_id=self._next_packet(), battery_percent=BATTERY_PERCENT
        )
        self._remember(payload, (self.event, None))
        await self.advertiser.publish(payload)


class FallPendant(Button):
    event = "fall"


class FrontDoor(Advertiser):
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


class Pendant(Advertiser):
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


class Dispenser(Advertiser):
    async def dose(self, taken: bool) -> None:
        payload = dispenser.encode(
            taken=taken, missed=not taken, packet_id=self._next_packet(), battery_percent=BATTERY_PERCENT
        )
        self._remember(payload, ("dose_taken" if taken else "dose_missed", None))
        await self.advertiser.publish(payload)


class Bed(Advertiser):
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


class Detector(Advertiser):
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
