"""What our encoders write, our decoders read back: beside the vectors, which alone say that both are right."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from devices.ieee11073 import medfloat, medfloat_word, sfloat, sfloat_word
from devices.profiles import (
    PROFILES,
    battery,
    bthome,
    current_time,
    device_information,
    dispenser,
    glucose,
    heart_rate,
    oximeter,
    pendant,
    racp,
    thermometer,
)
from devices.profiles.base import Contact, DeviceClock, Happening, Identity, Presence, Reading, Said, Sender, Switch
from devices.profiles.bthome import Object, Press
from devices.profiles.racp import Count, Finished, Order, Request, Result, Which
from devices.vocabulary import EventType, Kind

SENDER = Sender(address="C0:26:DF:01:23:45", key=bytes(range(16)))
local_times = st.datetimes(min_value=datetime(1582, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001
seconds = local_times.map(lambda each: each.replace(microsecond=0))
percents = st.integers(0, 100)
packets = st.integers(0, 255)


def values(said: tuple[Said, ...]) -> list[tuple[Kind, float | None]]:
    return [(word.kind, word.value) for word in said if isinstance(word, Reading)]


def advert(profile: str, frame: bytes) -> tuple[int | None, tuple[Said, ...]]:
    decode = PROFILES[profile].decode_advert
    assert decode is not None
    heard = decode(frame, Sender(address=SENDER.address))
    return heard.packet_id, heard.said


@given(
    per_min=st.integers(10, 350),
    on_body=st.sampled_from([None, True]),
    energy_kj=st.none() | st.integers(0, 0xFFFF),
    intervals=st.lists(st.integers(154, 6143), max_size=9),
)
def test_heart_rate(per_min: int, on_body: bool | None, energy_kj: int | None, intervals: list[int]) -> None:
    rr_s = [each / 1024 for each in intervals]
    data = heart_rate.encode_measurement(per_min=per_min, on_body=on_body, energy_kj=energy_kj, rr_s=rr_s)
    said = heart_rate.decode_measurement(data)
    wanted = [(Kind.HEART_RATE, float(per_min)), *((Kind.RR_INTERVAL, each * 1000 / 1024) for each in intervals)]
    assert values(said) == wanted
    assert (Contact(on_body=True) in said) is (on_body is True)


@given(
    spo2=st.none() | st.integers(1, 100),
    pulse=st.none() | st.integers(10, 350),
    status=st.none() | st.integers(0, 0x03FF).map(oximeter.Status),
    sensor=st.none() | st.integers(0, 0x07FF).map(oximeter.Sensor),
    tenths=st.none() | st.integers(0, 1000),
    at=st.none() | seconds,
)
def test_oximeter(
    spo2: int | None,
    pulse: int | None,
    status: oximeter.Status | None,
    sensor: oximeter.Sensor | None,
    tenths: int | None,
    at: datetime | None,
) -> None:
    amplitude = None if tenths is None else tenths / 10
    live = oximeter.encode_continuous(
        spo2_percent=spo2, pulse_per_min=pulse, status=status, sensor=sensor, amplitude_percent=amplitude
    )
    spot = oximeter.encode_spot(
        spo2_percent=spo2, pulse_per_min=pulse, at=at, status=status, sensor=sensor, amplitude_percent=amplitude
    )
    wanted: list[tuple[Kind, float | None]] = [(Kind.SPO2, spo2), (Kind.PULSE_RATE, pulse)]
    wanted += [] if amplitude is None else [(Kind.PERFUSION_INDEX, amplitude)]
    assert values(oximeter.decode_continuous(live)) == wanted
    assert values(oximeter.decode_spot(spot)) == wanted
    assert {word.device_time for word in oximeter.decode_spot(spot) if isinstance(word, Reading)} == {at}


@given(tenths=st.integers(200, 460), at=st.none() | seconds, site=st.none() | st.sampled_from(thermometer.Site))
def test_thermometer(tenths: int, at: datetime | None, site: thermometer.Site | None) -> None:
    (said,) = thermometer.decode_measurement(thermometer.encode_measurement(celsius=tenths / 10, at=at, site=site))
    assert isinstance(said, Reading)
    assert (said.value, said.device_time) == (tenths / 10, at)


@given(tenths=st.integers(1, 599), at=local_times, record=st.integers(0, 0xFFFF), mol=st.booleans(), data=st.data())
def test_glucose(tenths: int, at: datetime, record: int, mol: bool, data: st.DataObject) -> None:
    """mg/dL are whole, so mmol/L come back within half a mg/dL: 60.0 would come back above what is possible."""
    at = at.replace(microsecond=0)
    offset = data.draw(st.none() | st.integers(-720, 720))
    if at.year < 1600 or at.year > 9990:
        offset = None
    written = glucose.encode_measurement(record=record, at=at, mmol_per_l=tenths / 10, offset_min=offset, in_mol=mol)
    (said,) = glucose.decode_measurement(written)
    assert isinstance(said, Reading) and said.value is not None
    assert abs(said.value - tenths / 10) <= (0 if mol else 0.5 / 18.0156 + 1e-9)
    assert (said.record, said.device_time) == (record, at + timedelta(minutes=offset or 0))


@given(percents)
def test_battery(percent: int) -> None:
    assert values(battery.decode(battery.encode_level(percent))) == [(Kind.BATTERY, percent)]


@given(at=local_times, reason=st.integers(0, 15).map(current_time.Reason))
def test_a_clock_to_the_fraction_that_the_wire_has(at: datetime, reason: current_time.Reason) -> None:
    written = current_time.encode(at, reason=reason)
    (said,) = current_time.decode(written)
    assert isinstance(said, DeviceClock) and said.shows is not None
    assert timedelta() <= at - said.shows <= timedelta(seconds=1 / 256)
    parsed = current_time.parse(written)
    assert (int(parsed.day), parsed.reason) == (at.isoweekday(), reason)


def test_a_clock_that_is_not_set() -> None:
    assert current_time.decode(current_time.encode_not_set()) == (DeviceClock(shows=None),)


@given(
    zone=st.none() | st.integers(-48, 56).map(lambda each: each * timedelta(minutes=15)),
    summer=st.none() | st.sampled_from(current_time.Summer),
)
def test_a_zone(zone: timedelta | None, summer: current_time.Summer | None) -> None:
    said = current_time.parse_local_time(current_time.encode_local_time(zone=zone, summer=summer))
    assert said.zone == zone
    assert said.summer == (None if summer is None else summer * timedelta(minutes=15))


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20))
def test_a_name(text: str) -> None:
    written = device_information.encode_text(text)
    assert device_information.decode_text("model", written) == (Identity(what="model", text=text),)


@given(vendor=st.integers(0, 0xFFFF), product=st.integers(0, 0xFFFF), version=st.tuples(*[st.integers(0, 9)] * 3))
def test_a_pnp_id(vendor: int, product: int, version: tuple[int, int, int]) -> None:
    written = device_information.encode_pnp_id(
        source=device_information.Vendor.USB, vendor=vendor, product=product, version=version
    )
    dotted = ".".join(str(part) for part in version)
    text = f"USB vendor {vendor:#06x} product {product:#06x} version {dotted}"
    assert device_information.decode_pnp_id(written) == (Identity(what="pnp", text=text),)


@given(opened=st.booleans(), packet_id=packets, percent=percents, press=st.sampled_from(Press))
def test_doors_and_buttons(opened: bool, packet_id: int, percent: int, press: Press) -> None:
    level = battery.of_percent(percent)
    door = bthome.encode_door(opened=opened, packet_id=packet_id, battery_percent=percent)
    assert advert("bthome_door", door) == (packet_id, (level, Switch(opened=opened)))
    button = bthome.encode_button(press=press, packet_id=packet_id, battery_percent=percent)
    called = press not in (Press.NONE, Press.RELEASE)
    assert advert("bthome_fall", button) == (
        packet_id,
        (level, *((Happening(type=EventType.FALL),) if called else ())),
    )


@given(detected=st.booleans(), packet_id=packets, percent=percents)
def test_a_bed(detected: bool, packet_id: int, percent: int) -> None:
    frame = bthome.encode_detector(
        detector=Object.OCCUPANCY, detected=detected, packet_id=packet_id, battery_percent=percent
    )
    assert advert("bthome_bed", frame)[1][1:] == (Presence(occupied=detected),)


@given(pressed=st.booleans(), fell=st.booleans(), took_back=st.booleans(), packet_id=packets)
def test_a_pendant(pressed: bool, fell: bool, took_back: bool, packet_id: int) -> None:
    frame = pendant.encode(pressed=pressed, fell=fell, took_back=took_back, packet_id=packet_id, battery_percent=50)
    wanted = [EventType.SOS] * pressed + [EventType.FALL] * fell
    assert advert("pendant", frame) == (packet_id, (battery.of_percent(50), *(Happening(type=t) for t in wanted)))


@given(taken=st.booleans(), missed=st.booleans(), packet_id=packets)
def test_a_dispenser(taken: bool, missed: bool, packet_id: int) -> None:
    frame = dispenser.encode(taken=taken, missed=missed, packet_id=packet_id, battery_percent=50)
    wanted = [EventType.DOSE_TAKEN] * taken + [EventType.DOSE_MISSED] * missed
    assert advert("dispenser", frame)[1][1:] == tuple(Happening(type=each) for each in wanted)


@given(content=st.binary(max_size=20), counter=st.integers(0, 2**32 - 1), on_trigger=st.booleans())
def test_a_seal(content: bytes, counter: int, on_trigger: bool) -> None:
    plain = bthome.encode_frame([(Object.RAW, bytes((len(content),)) + content)], on_trigger=on_trigger)
    frame = bthome.parse(bthome.sealed(plain, sender=SENDER, counter=counter), SENDER)
    assert (frame.objects, frame.counter, frame.on_trigger) == ([(Object.RAW, content)], counter, on_trigger)


records = st.integers(0, 0xFFFF)
requests = st.one_of(
    st.builds(Request, order=st.sampled_from(Order), which=st.sampled_from([Which.NONE, Which.ALL, Which.LAST])),
    st.builds(
        Request,
        order=st.sampled_from(Order),
        which=st.sampled_from([Which.FROM, Which.UP_TO]),
        records=st.tuples(records),
    ),
    st.builds(Request, order=st.sampled_from(Order), which=st.just(Which.BETWEEN), records=st.tuples(records, records)),
)


@given(requests)
def test_a_request_for_records(request_: Request) -> None:
    assert racp.decode_request(racp.encode_request(request_)) == request_


@given(
    st.builds(Count, records=records)
    | st.builds(Finished, order=st.sampled_from(Order), result=st.sampled_from(Result))
)
def test_an_answer_about_records(answer: racp.Answer) -> None:
    assert racp.decode_answer(racp.encode_answer(answer)) == answer


@given(mantissa=st.integers(-0x7FD, 0x7FD), decimals=st.integers(-7, 8))
def test_a_small_float(mantissa: int, decimals: int) -> None:
    value = Decimal(mantissa).scaleb(-decimals)
    assert sfloat(sfloat_word(float(value), decimals)) == value


@given(mantissa=st.integers(-0x7FFFFD, 0x7FFFFD), decimals=st.integers(-7, 7))
def test_a_float(mantissa: int, decimals: int) -> None:
    value = Decimal(mantissa).scaleb(-decimals)
    assert medfloat(medfloat_word(float(value), decimals)) == value
