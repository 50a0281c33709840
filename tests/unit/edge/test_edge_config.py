"""What the configuration file may say, and how each mistake is answered: with file, key and what to write."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path

import pytest

from devices.limits import Limit
from devices.vocabulary import Kind
from edge.config import Broker, DeviceConfig, HomeConfig, Night, OutboxConfig, Post, RadioConfig, load, parse
from edge.errors import ConfigError

PATH = Path("/etc/hjemvakt/gateway.toml")
GOOD = """
gateway = "hv-0001"
bucket = 3
mqtt = "mqtt://127.0.0.1:1884"
data_dir = "data"

[[devices]]
address = "c0:26:df:01:23:45"
profile = "heart_rate"
name = "chest strap"
"""
REPOSITORY = Path(__file__).parents[3]
NOBODY = 65534


def test_a_good_file_is_read_with_its_defaults() -> None:
    config = parse(GOOD, PATH)
    broker = Broker(host="127.0.0.1", port=1884, tls=False)
    assert config.post == Post(gateway="hv-0001", bucket=3, broker=broker)
    assert config.data_dir == Path("/etc/hjemvakt/data")
    assert config.heartbeat_s == 30
    assert config.zone.key == "Europe/Oslo"
    assert config.radio == RadioConfig()
    assert config.devices == (DeviceConfig(address="C0:26:DF:01:23:45", profile="heart_rate", name="chest strap"),)


def test_the_example_in_deploy_is_a_good_file() -> None:
    config = load(REPOSITORY / "deploy" / "gateway.example.toml")
    assert config.post is not None
    assert config.post.broker == Broker(host="broker.example.org", port=8883, tls=True)
    assert [device.profile for device in config.devices] == ["heart_rate", "bthome_door"]


@contextmanager
def without_roots_rights() -> Iterator[None]:
    """Root may read anything."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


def test_a_file_of_another_user_is_said_to_need_that_user(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(GOOD)
    file.chmod(0)
    with without_roots_rights(), pytest.raises(ConfigError, match="may not be read by this user: be root, or the user"):
        load(file)


def test_user_and_password_stand_in_the_address() -> None:
    post = parse(GOOD.replace("mqtt://127", "mqtt://hv:secret@127"), PATH).post
    assert post is not None
    broker = post.broker
    assert (broker.user, broker.password) == ("hv", "secret")


NOWHERE = 'data_dir = "data"\n'


def test_a_gateway_that_is_enrolled_has_neither_name_nor_broker_in_its_file() -> None:
    config = parse(NOWHERE, PATH)
    assert (config.post, config.birth, config.data_dir) == (None, None, Path("/etc/hjemvakt/data"))


def test_what_came_with_the_box_lies_beside_the_file_or_anywhere() -> None:
    assert parse(NOWHERE + 'birth = "birth.json"', PATH).birth == Path("/etc/hjemvakt/birth.json")
    assert parse(NOWHERE + 'birth = "/boot/birth.json"', PATH).birth == Path("/boot/birth.json")


def test_a_box_that_says_who_the_gateway_is_and_a_file_that_does_too_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match=r"birth and gateway are both there: write birth alone"):
        parse(GOOD.replace("[[", 'birth = "birth.json"\n[[', 1), PATH)


def test_a_virtual_home_is_a_loopback_address() -> None:
    assert parse(GOOD + '[radio]\nvirtual = "tcp:127.0.0.1:4711"', PATH).radio.virtual == ("tcp:127.0.0.1:4711",)


def test_the_radio_has_several_adapters_and_a_canary() -> None:
    radio = '[radio]\nadapters = ["hci0", "hci1"]\ncanary = "c0:26:df:00:00:0a"'
    assert parse(GOOD + radio, PATH).radio == RadioConfig(adapters=("hci0", "hci1"), canary="C0:26:DF:00:00:0A")


@pytest.mark.parametrize(
    ("radio", "says"),
    [
        ('adapters = ["hci0", "hci0"]', "adapters is ['hci0', 'hci0']: write"),
        ("adapters = [1]", "adapters is [1]: write"),
        ('adapters = "usb0"', "adapters has 'usb0': write names as"),
        ('adapters = ["hci0", "hci1", "hci2", "hci3", "hci4"]', "adapters are 5: write at most 4"),
        ('adapters = "hci0"\nvirtual = "tcp:127.0.0.1:1"', "virtual and adapters are both there: write only one"),
        ('canary = "C0:26"', "canary is 'C0:26': write six pairs"),
    ],
)
def test_a_mistake_in_the_radio_is_one_sentence(radio: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape("[radio] " + says)):
        parse(f"{GOOD}[radio]\n{radio}", PATH)


def test_a_line_without_tls_off_this_machine_needs_a_yes() -> None:
    far = GOOD.replace("127.0.0.1", "192.0.2.7")
    with pytest.raises(ConfigError, match="insecure = true"):
        parse(far, PATH)
    post = parse("insecure = true\n" + far, PATH).post
    assert post is not None and post.broker.host == "192.0.2.7"


@pytest.mark.parametrize(
    ("change", "to", "says"),
    [
        ("bucket = 3", "bukcet = 3", "bukcet is not a key that the gateway knows: write bucket"),
        ("bucket = 3", "", "bucket is missing: write bucket = a whole number from 0 to 63"),
        ("bucket = 3", "bucket = 64", "bucket is 64: write bucket = a whole number from 0 to 63"),
        ("bucket = 3", 'bucket = "3"', "bucket is '3': write"),
        ("bucket = 3", "bucket = true", "bucket is true: write"),
        ("bucket = 3", "bucket = 2.5", "bucket is 2.5: write"),
        ("bucket = 3", "bucket = nan", "bucket is nan: write"),
        ("bucket = 3", "bucket = 3\nheartbeat_s = inf", "heartbeat_s is inf: write"),
        ("bucket = 3", "bucket = 3\nheartbeat_s = 0", "heartbeat_s is 0: write heartbeat_s = a number from 1 to 3600"),
        ("bucket = 3", "bucket = 3\nzone = 'Europe/Olso'", "zone is 'Europe/Olso', which this machine does not know"),
        ("bucket = 3", "bucket = 3\nzone = '../../etc/passwd'", "zone is"),
        ("hv-0001", "HV 1", "gateway is 'HV 1': write 3 to 40 of a-z"),
        ("mqtt://127.0.0.1:1884", "http://127.0.0.1", "mqtt is 'http://127.0.0.1': write"),
        ("mqtt://127.0.0.1:1884", "mqtt://127.0.0.1:99999", "mqtt is 'mqtt://127.0.0.1:99999' (Port out of range"),
        ("mqtt://127.0.0.1:1884", "", "mqtt is '', not a text: write"),
        ("c0:26:df:01:23:45", "c0:26:df:01:23", "[[devices]] number 1: address is 'C0:26:DF:01:23': write six pairs"),
        ("heart_rate", "heart", "[[devices]] number 1: profile is 'heart': write one of blood_pressure"),
        ('name = "chest strap"', "colour = 1", "[[devices]] number 1: colour is not a key"),
        ("[[devices]]", "[devices]", "not a list of tables: write [[devices]] before each"),
        ("bucket = 3", "bucket = 3\nradio = 1", "radio is 1, not a table"),
        ('name = "chest strap"', '[radio]\nvirtual = "tcp:192.0.2.1:1"', "[radio] virtual is 'tcp:192.0.2.1:1': write"),
        ('name = "chest strap"', f'[radio]\nvirtual = "unix:/{"å" * 54}"', "is a path of more than 107 bytes: write"),
        ("bucket = 3", "bucket = ", "is not TOML"),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_write(change: str, to: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as wrong:
        parse(GOOD.replace(change, to), PATH)
    assert str(PATH) in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_device_that_is_there_twice_is_a_mistake() -> None:
    twice = GOOD + GOOD[GOOD.index("[[devices]]") :].replace("c0:", "C0:")
    with pytest.raises(ConfigError, match=re.escape("[[devices]] number 2: address C0:26:DF:01:23:45 is there twice")):
        parse(twice, PATH)


def test_files_that_cannot_be_read_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'gateway = "\xe5"')
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load(tmp_path / "latin.toml")


def test_a_home_has_an_action_and_a_night() -> None:
    home = '[home]\naction = ["/usr/bin/lamp", "--red"]\ntimeout_s = 5\nnight = "23:30-06:00"'
    assert parse(GOOD + home, PATH).home == HomeConfig(
        action=("/usr/bin/lamp", "--red"), timeout_s=5, night=Night(begins=time(23, 30), ends=time(6))
    )
    assert parse(GOOD, PATH).home.action == ()


@pytest.mark.parametrize(
    ("night", "dark", "light"),
    [("22:00-07:00", (22, 23, 0, 6), (7, 12, 21)), ("01:00-05:00", (1, 4), (5, 23, 0)), ("00:00-00:00", (), (0, 12))],
)
def test_the_night_may_hold_midnight(night: str, dark: tuple[int, ...], light: tuple[int, ...]) -> None:
    hours = parse(f'{GOOD}[home]\nnight = "{night}"', PATH).home.night
    assert all(hours.holds(time(hour)) for hour in dark)
    assert not any(hours.holds(time(hour)) for hour in light)


def test_a_device_may_have_a_key_a_cadence_and_limits_of_its_users() -> None:
    said = """
key = "231d39c1d7cc1ab1aee224cd096db932"
cadence_s = 0
[[devices.limits]]
kind = "spo2"
red_low = 88
yellow_low = 90
[[devices.limits]]
slot = 2
kind = "pulse_rate"
red_high = 130
"""
    (device,) = parse(GOOD + said, PATH).devices
    assert device.key == bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
    assert device.cadence_s == 0
    assert device.limits == {
        0: {Kind.SPO2: Limit(red_low=88, yellow_low=90)},
        2: {Kind.PULSE_RATE: Limit(red_high=130)},
    }


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ('key = "secret"', "[[devices]] number 1: key is not 32 hex digits: write the key"),
        ("cadence_s = -1", "[[devices]] number 1: cadence_s is -1: write cadence_s = a number from 0 to 3600"),
        ('[[devices.limits]]\nkind = "spo3"', "[[limits]] number 1: kind is 'spo3': write one of heart_rate"),
        ("[[devices.limits]]\nred_low = 1", "[[limits]] number 1: kind is missing"),
        ('[[devices.limits]]\nkind = "spo2"\nred_low = 90\nyellow_low = 88', "red_low to red_high do not ascend"),
        ('[[devices.limits]]\nkind = "spo2"\nred_low = nan', "red_low is nan: write"),
        ('[[devices.limits]]\nkind = "spo2"\n[[devices.limits]]\nkind = "spo2"', "kind spo2 is there twice"),
        ('[home]\naction = "lamp"', "[home] action is 'lamp', not a list of texts: write action = ["),
        ('[home]\naction = ["lamp"]', "[home] action begins with 'lamp': write the whole path"),
        ('[home]\nnight = "22-7"', "[home] night is '22-7': write two times of day"),
        ('[home]\nnight = "24:00-07:00"', "[home] night is '24:00-07:00': write two times of day"),
        ("[home]\ntimeout_s = 0", "[home] timeout_s is 0: write"),
    ],
)
def test_a_mistake_in_the_home_or_a_device_is_one_sentence_without_secrets(more: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as wrong:
        parse(f"{GOOD}{more}", PATH)
    assert "secret" not in str(wrong.value)


def test_the_outbox_has_room_that_can_be_said() -> None:
    assert parse(GOOD, PATH).outbox == OutboxConfig(most_mib=256, days=90)
    assert parse(GOOD + "[outbox]\nmost_mib = 64\ndays = 30", PATH).outbox == OutboxConfig(most_mib=64, days=30)
    with pytest.raises(ConfigError, match=re.escape("[outbox] days is 0: write days = a whole number from 1 to 3660")):
        parse(GOOD + "[outbox]\ndays = 0", PATH)
