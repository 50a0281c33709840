"""Every MQTT topic, its quality of service and whether the broker retains it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from devices.errors import WireError

ROOT: Final = "hv/1"
BUCKETS: Final = 64
GATEWAY_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")


class Channel(StrEnum):
    OBS = "up/obs"
    ALARM = "up/alarm"
    STATUS = "up/status"
    RECEIPT = "down/receipt"
    CONFIG = "down/config"
    COMMAND = "down/command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    qos: int
    retain: bool


MANNERS: Final = MappingProxyType(
    {
        Channel.OBS: Manner(qos=1, retain=False),
        Channel.ALARM: Manner(qos=1, retain=False),
        Channel.STATUS: Manner(qos=1, retain=False),
        Channel.RECEIPT: Manner(qos=0, retain=False),
        Channel.CONFIG: Manner(qos=1, retain=True),
        Channel.COMMAND: Manner(qos=1, retain=False),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """`bucket` is 0..63, given to a home at enrolment, so that all its gateways meet in one worker."""

    bucket: int
    gateway: str
    channel: Channel

    def __str__(self) -> str:
        return f"{ROOT}/{self.bucket}/{self.gateway}/{self.channel}"


def parse(topic: str) -> Topic:
    parts = topic.split("/", 4)
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT:
        raise WireError(f"topic {topic!r} is not {ROOT}/<bucket>/<gateway>/<channel>")
    bucket, gateway, channel = parts[2:]
    if not (bucket.isascii() and bucket.isdigit() and int(bucket) < BUCKETS and str(int(bucket)) == bucket):
        raise WireError(f"topic {topic!r}: bucket must be 0 to {BUCKETS - 1}")
    if not GATEWAY_ID.fullmatch(gateway):
        raise WireError(f"topic {topic!r}: gateway id must be 3 to 40 of a-z, 0-9 and -, and not start with -")
    try:
        return Topic(bucket=int(bucket), gateway=gateway, channel=Channel(channel))
    except ValueError as error:
        raise WireError(f"topic {topic!r}: unknown channel {channel!r}") from error


def everybody(channel: Channel) -> str:
    """The subscription that hears this channel of every gateway."""
    return f"{ROOT}/+/+/{channel}"
