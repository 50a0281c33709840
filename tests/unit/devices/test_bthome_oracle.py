"""BTHome against bthome-ble, the reader that Home Assistant uses: every object, plain and encrypted."""

from datetime import datetime
from decimal import Decimal

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bthome_ble.const import MEAS_TYPES
from bthome_ble.event import BUTTON_EVENTS, COMMAND_EVENTS, DIMMER_EVENTS
from bthome_ble.parser import BTHomeBluetoothDeviceData
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from habluetooth import BluetoothServiceInfoBleak
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_state_data import SensorUpdate

from devices.profiles import PROFILES
from devices.profiles.base import Happening, Identity, Presence, Reading, Said, Sender, Switch
from devices.profiles.bthome import OBJECTS, encode_number, parse, sealed, words
from devices.profiles.bthome.objects import Dimmed, Form, Ordered, value_of
from devices.vocabulary import EventType

UUID = "0000fcd2-0000-1000-8000-00805f9b34fb"
ADDRESS = "A4:C1:38:00:00:09"
KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
SAY_THEIR_OWN_LENGTH = {0x3B, 0x53, 0x54}
KEPT_TO_ITSELF = {0x00, 0xF0, 0xF1, 0xF2}  # packet id, device type, firmware: the oracle makes no value of them


def oracle(service_data: bytes, key: bytes | None = None) -> SensorUpdate:
    parser = BTHomeBluetoothDeviceData(bindkey=key)
    info = BluetoothServiceInfoBleak(
        name="sensor",
        address=ADDRESS,
        rssi=-60,
        manufacturer_data={},
        service_data={UUID: service_data},
        service_uuids=[],
        source="local",
        device=BLEDevice(ADDRESS, "sensor", None),
        advertisement=AdvertisementData(
            local_name="sensor",
            manufacturer_data={},
            service_data={UUID: service_data},
            service_uuids=[],
            tx_power=None,
            rssi=-60,
            platform_data=(),
        ),
        connectable=False,
        time=0.0,
        tx_power=None,
    )
    return parser.update(info)


def binary(update: SensorUpdate, key: str) -> bool | None:
    values = [each.native_value for name, each in update.binary_entity_values.items() if name.key == key]
    return values[0] if values else None


def battery(update: SensorUpdate) -> object:
    return next((each.native_value for name, each in update.entity_values.items() if name.key == "battery"), None)


def ours(profile: str, service_data: bytes) -> tuple[Said, ...]:
    decode = PROFILES[profile].decode_advert
    assert decode is not None
    return decode(service_data, Sender(address=ADDRESS)).said


def framed(number: int, content: bytes) -> bytes:
    own_length = {0x3B: len(content) - 1, 0x53: len(content), 0x54: len(content)}
    return bytes((0x40, number)) + (bytes((own_length[number],)) if number in own_length else b"") + content


def theirs(update: SensorUpdate) -> object:
    """The one thing that it said besides the strength of the signal."""
    (event,) = [(each.event_type, each.event_properties) for each in update.events.values()] or [None]
    values = [each.native_value for key, each in update.entity_values.items() if key.key != "signal_strength"]
    states = [each.native_value for each in update.binary_entity_values.values()]
    (said,) = [*values, *states, *([event] if event else [])] or [None]
    return said


def same(number: int, content: bytes, said: object) -> bool:
    value = value_of(number, content)
    match value:
        case Decimal():
            step = Decimal("0.05") if number == 0x58 else Decimal(0)  # the oracle rounds steps of 0.35 to tenths
            return isinstance(said, int | float) and abs(Decimal(repr(said)) - value) <= step
        case Dimmed(turn=turn, steps=steps):
            return said == ((DIMMER_EVENTS[turn], {"steps": steps}) if DIMMER_EVENTS.get(turn) else None)
        case Ordered(order=order, arguments=arguments):
            return said == ((COMMAND_EVENTS[order], {"args": arguments.hex()}) if order in COMMAND_EVENTS else None)
        case bytes():
            return said == value.hex()
        case bool() | str() | datetime():
            return said == value
        case int():
            return said == ((BUTTON_EVENTS[value], None) if BUTTON_EVENTS.get(value) else None)


@st.composite
def contents(draw: st.DrawFn, number: int) -> bytes:
    facts = OBJECTS[number]
    if facts.form is Form.TEXT:
        return draw(st.text(min_size=1, max_size=6).map(str.encode))
    if facts.form in (Form.BUTTON, Form.DIMMER, Form.COMMAND):  # mostly codes that mean something
        code = draw(st.sampled_from([*BUTTON_EVENTS, 0x55]))
        return bytes((code,)) + draw(st.binary(min_size=(facts.size or 3) - 1, max_size=(facts.size or 3) - 1))
    return draw(st.binary(min_size=facts.size or 1, max_size=facts.size or 8))


def test_the_table_has_every_object_of_the_oracle_and_their_lengths() -> None:
    lengths = {n: m.data_length for n, m in MEAS_TYPES.items() if n not in SAY_THEIR_OWN_LENGTH}
    assert {number: facts.size for number, facts in OBJECTS.items() if facts.size is not None} == lengths
    assert {number for number, facts in OBJECTS.items() if facts.size is None} == SAY_THEIR_OWN_LENGTH


OTHER_SPELLINGS = {"μg/m³": "µg/m³", "lx": "lux", "mbar": "hPa", "μS/cm": "µS/cm", "None": ""}


@pytest.mark.parametrize("number", [number for number, facts in OBJECTS.items() if facts.unit], ids=hex)
def test_units_are_those_of_the_oracle(number: int) -> None:
    unit = str(getattr(MEAS_TYPES[number].meas_format, "native_unit_of_measurement", None))
    assert OTHER_SPELLINGS.get(unit, unit) == OBJECTS[number].unit


@pytest.mark.parametrize("number", sorted(set(OBJECTS) - KEPT_TO_ITSELF), ids=hex)
@settings(max_examples=25)
@given(data=st.data())
def test_every_object_has_the_value_that_the_oracle_reads(number: int, data: st.DataObject) -> None:
    content = data.draw(contents(number))
    frame = framed(number, content)
    assert parse(frame, Sender(address=ADDRESS)).objects == [(number, content)]
    assert same(number, content, theirs(oracle(frame))), words(number, content)


@pytest.mark.parametrize("number", sorted(set(OBJECTS) - KEPT_TO_ITSELF), ids=hex)
@settings(max_examples=10)
@given(data=st.data(), counter=st.integers(0, 2**32 - 1))
def test_every_object_is_the_same_behind_a_seal(number: int, data: st.DataObject, counter: int) -> None:
    """Sealed by the library directly, as bthome.io/encryption says."""
    frame = framed(number, content := data.draw(contents(number)))
    nonce = bytes.fromhex("A4C138000009 D2FC 41") + counter.to_bytes(4, "little")
    box = AESCCM(KEY, tag_length=4).encrypt(nonce, frame[1:], None)
    shut = b"\x41" + box[:-4] + counter.to_bytes(4, "little") + box[-4:]
    sender = Sender(address=ADDRESS, key=KEY)
    assert sealed(frame, sender=sender, counter=counter) == shut
    opened = parse(shut, sender)
    assert (opened.objects, opened.counter) == ([(number, content)], counter)
    assert same(number, content, theirs(oracle(shut, KEY)))


@given(type_id=st.binary(min_size=2, max_size=2), four=st.binary(min_size=4, max_size=4), three=st.binary(min_size=3))
def test_the_firmware_of_a_device_is_what_the_oracle_reads(type_id: bytes, four: bytes, three: bytes) -> None:
    for part in (b"\xf1" + four, b"\xf2" + three[:3]):
        frame = b"\x40\xf0" + type_id + part
        device = oracle(frame).devices[None]
        assert ours("bthome_door", frame) == (Identity(what="firmware", text=str(device.sw_version)),)


@given(data=st.data(), number=st.sampled_from([n for n, facts in OBJECTS.items() if facts.form is Form.NUMBER]))
def test_a_number_that_was_encoded_is_read_back(number: int, data: st.DataObject) -> None:
    content = data.draw(contents(number))
    value = value_of(number, content)
    assert isinstance(value, Decimal)
    assert encode_number(number, value) == content


@pytest.mark.parametrize("number", sorted(set(MEAS_TYPES) - SAY_THEIR_OWN_LENGTH), ids=hex)
def test_a_door_behind_any_object_is_heard_by_both(number: int) -> None:
    data = bytes((0x40, number)) + bytes(MEAS_TYPES[number].data_length) + b"\x1a\x01"
    assert Switch(opened=True) in ours("bthome_door", data)
    if number != 0x1A:  # the same object twice: the oracle numbers them
        assert binary(oracle(data), "door") is True


@pytest.mark.parametrize(
    ("profile", "number", "key"),
    [
        ("bthome_door", 0x11, "opening"),
        ("bthome_door", 0x1A, "door"),
        ("bthome_door", 0x1B, "garage_door"),
        ("bthome_door", 0x2D, "window"),
        ("bthome_smoke", 0x29, "smoke"),
        ("bthome_smoke", 0x17, "carbon_monoxide"),
        ("bthome_water", 0x20, "moisture"),
        ("bthome_motion", 0x21, "motion"),
        ("bthome_gas", 0x1C, "gas"),
        ("bthome_gas", 0x17, "carbon_monoxide"),
        ("bthome_vibration", 0x2C, "vibration"),
        ("bthome_bed", 0x23, "occupancy"),
        ("bthome_bed", 0x25, "presence"),
    ],
)
@pytest.mark.parametrize("state", [0, 1])
def test_states_are_what_the_oracle_says(profile: str, number: int, key: str, state: int) -> None:
    data = bytes((0x40, 0x01, 55, number, state))
    update = oracle(data)
    assert battery(update) == 55
    reading, *rest = ours(profile, data)
    assert isinstance(reading, Reading) and reading.value == 55
    match rest:
        case [Switch(opened=opened)]:
            assert opened is binary(update, key)
        case [Presence(occupied=occupied)]:
            assert occupied is binary(update, key)
        case [Happening()]:
            assert binary(update, key) is True
        case []:
            assert binary(update, key) is False


@pytest.mark.parametrize("press", sorted(BUTTON_EVENTS))
def test_presses_are_what_the_oracle_says(press: int) -> None:
    data = bytes((0x44, 0x3A, press))
    events = [event.event_type for event in oracle(data).events.values()]
    pressed = events not in ([], ["hold_release"])
    assert ours("bthome_sos", data) == ((Happening(type=EventType.SOS),) if pressed else ())


@given(st.lists(st.sampled_from(sorted(OBJECTS)), max_size=8, unique=True), st.data())
def test_any_mix_of_objects_is_cut_where_the_oracle_cuts(numbers: list[int], data: st.DataObject) -> None:
    objects = [(n, data.draw(contents(n))) for n in sorted(numbers)]
    service_data = b"\x40" + b"".join(framed(n, content)[1:] for n, content in objects)
    assert parse(service_data, Sender(address=ADDRESS)).objects == objects
    update = oracle(service_data)
    doors = {0x11: "opening", 0x1A: "door", 0x1B: "garage_door", 0x2D: "window"}
    states = [binary(update, key) for number, key in doors.items() if number in numbers]
    assert [word for word in ours("bthome_door", service_data) if isinstance(word, Switch)] == (
        [Switch(opened=any(states))] if states else []
    )


def test_every_frame_of_one_object_is_explained_in_words() -> None:
    for number, facts in OBJECTS.items():
        assert words(number, bytes(facts.size or 1)).startswith(f"{facts.name}: ")
