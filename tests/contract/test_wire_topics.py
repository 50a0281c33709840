"""Topics: one way to write each, and nothing else is read."""

import pytest

from devices.errors import WireError
from devices.wire.topics import BUCKETS, MANNERS, Channel, Topic, everybody, parse


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("hv/1/0/abc/up/obs", Topic(bucket=0, gateway="abc", channel=Channel.OBS)),
        ("hv/1/63/hjem-3f2a/up/alarm", Topic(bucket=63, gateway="hjem-3f2a", channel=Channel.ALARM)),
        ("hv/1/7/0-9/up/status", Topic(bucket=7, gateway="0-9", channel=Channel.STATUS)),
        ("hv/1/7/hjem-3f2a/down/receipt", Topic(bucket=7, gateway="hjem-3f2a", channel=Channel.RECEIPT)),
        ("hv/1/7/hjem-3f2a/down/config", Topic(bucket=7, gateway="hjem-3f2a", channel=Channel.CONFIG)),
        ("hv/1/7/hjem-3f2a/down/command", Topic(bucket=7, gateway="hjem-3f2a", channel=Channel.COMMAND)),
        (f"hv/1/7/{'a' * 40}/up/obs", Topic(bucket=7, gateway="a" * 40, channel=Channel.OBS)),
    ],
)
def test_a_topic_is_written_as_it_is_read(text: str, topic: Topic) -> None:
    assert parse(text) == topic
    assert str(topic) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hv/1/7/hjem-3f2a/up",
        "hv/2/7/hjem-3f2a/up/obs",
        "HV/1/7/hjem-3f2a/up/obs",
        "/hv/1/7/hjem-3f2a/up/obs",
        "hv/1/64/hjem-3f2a/up/obs",
        "hv/1/-1/hjem-3f2a/up/obs",
        "hv/1/07/hjem-3f2a/up/obs",
        "hv/1/٧/hjem-3f2a/up/obs",
        "hv/1//hjem-3f2a/up/obs",
        "hv/1/7/ab/up/obs",
        "hv/1/7/-abc/up/obs",
        "hv/1/7/Hjem/up/obs",
        "hv/1/7/+/up/obs",
        "hv/1/7/#",
        "hv/1/7/høyblokk/up/obs",
        "hv/1/7/hjem-3f2a\n/up/obs",
        f"hv/1/7/{'a' * 41}/up/obs",
        "hv/1/7/hjem-3f2a/up/obs/",
        "hv/1/7/hjem-3f2a/up/gossip",
    ],
)
def test_any_other_topic_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        parse(text)


def test_one_subscription_hears_a_channel_of_every_gateway() -> None:
    assert everybody(Channel.ALARM) == "hv/1/+/+/up/alarm"


def test_every_channel_says_its_quality_and_whether_it_is_retained() -> None:
    """A retained message would be read again after every restart: only the newest configuration may be."""
    assert set(MANNERS) == set(Channel)
    assert {channel for channel, manner in MANNERS.items() if manner.retain} == {Channel.CONFIG}
    assert {channel for channel, manner in MANNERS.items() if manner.qos == 0} == {Channel.RECEIPT}
    assert BUCKETS == 64
