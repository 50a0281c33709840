"""The full path: MQTT in, key, limits, alerts, commit, receipt; broker, database, monitor and senders on one machine.

Senders keep eight batches of 20 under way per gateway, as the real ones do, and send the next when a receipt came.
Beside it the naive way: one reading per message, inserted and committed as it comes.
"""

import contextlib
import json
import multiprocessing
import os
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from devices.vocabulary import Kind, Mode, Observation
from devices.wire.codec import encode, pack
from devices.wire.messages import Batch, Lane
from server.child.keep import Role
from server.roles.broker import EmbeddedBroker
from server.store import rolelife
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate

GATEWAYS: Final = 200
ROWS: Final = 20
WINDOW: Final = 8
BATCHES: Final = 100
NAIVE_READINGS: Final = 4000
LIMIT_S: Final = 120.0
OUTBOX: Final = "00000000000000aa"


def rows() -> list[tuple[str, ...]]:
    with _servers() as (dsn, broker):
        full = _full_path(dsn, broker)
        naive = _naive(dsn, broker)
    return [
        ("way", "observations", "s", "observations/s"),
        (f"Hjemvakt: batches of {ROWS}, key, limits, receipts", *_figures(*full)),
        ("naive: one reading per message, one insert, one commit", *_figures(*naive)),
    ]


def _figures(readings: int, took_s: float) -> tuple[str, str, str]:
    return f"{readings:,}", f"{took_s:.2f}", f"{readings / took_s:,.0f}"


@contextlib.contextmanager
def _servers() -> Iterator[tuple[str, EmbeddedBroker]]:
    with tempfile.TemporaryDirectory(prefix="hvb-", ignore_cleanup_errors=True) as place:
        postgres = EmbeddedPostgres(Path(place) / "postgres")
        broker = EmbeddedBroker(Path(place) / "broker", port=_free_port(), nats_port=_free_port())
        postgres.start()
        broker.start()
        try:
            migrate(postgres.dsn())
            yield postgres.dsn(), broker
        finally:
            broker.stop()
            postgres.stop()


def _full_path(dsn: str, broker: EmbeddedBroker) -> tuple[int, float]:
    _enrol(dsn)
    environment = {**os.environ, "HJEMVAKT_DATABASE_URL": dsn, "HJEMVAKT_MQTT_URL": broker.url}
    monitor = Role([sys.executable, "-m", "server", "monitor"], directory=Path.cwd(), environment=lambda: environment)
    monitor.start()
    try:
        _await_monitor(dsn)
        packets = _packets(datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=ROWS // 2 * BATCHES))
        with multiprocessing.get_context("fork").Pool(1) as pool:
            took_s = pool.apply(_send_all, (broker.port, packets))
    finally:
        monitor.stop()
    with psycopg.connect(dsn) as conn:
        (stored,) = conn.execute("select count(*) from observation").fetchone() or (0,)
    assert stored == GATEWAYS * BATCHES * ROWS, f"{stored} stored"
    return stored, took_s


def _enrol(dsn: str) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into team (name) values ('bench')")
        conn.execute(
            "insert into home (name, address, team_id, bucket) select 'home ' || n, '', 1, n %% 64 "
            "from generate_series(1, %s) n",
            (GATEWAYS,),
        )
        conn.execute(
            "insert into patient (reference, name, born_on, pathway, team_id, home_id) "
            "select 'p' || id, 'p', '1950-01-01', 'kols', 1, id from home order by id"
        )
        conn.execute(
            "insert into gateway (name, home_id, bucket, enrolled) select 'gw-' || id, id, bucket, true from home"
        )
        conn.execute(
            "insert into device (address, profile) select regexp_replace(lpad(upper(to_hex(id)), 12, '0'), "
            "'(..)(?=.)', '\\1:', 'g'), 'oximeter' from home order by id"
        )
        conn.execute("insert into binding (device_id, patient_id, valid_from) select id, id, '2020-01-01Z' from device")


def _await_monitor(dsn: str) -> None:
    end = time.monotonic() + LIMIT_S
    with psycopg.connect(dsn, autocommit=True) as conn:
        while rolelife.last_alive(conn, rolelife.MONITOR) is None:
            assert time.monotonic() < end, "the monitor does not come up"
            time.sleep(0.05)


def _packets(begin: datetime) -> list[list[bytes]]:
    """By gateway: MQTT PUBLISH packets (QoS 1) of batches of two live streams at 1 Hz, all inside the limits."""
    return [[_packet(number, place, begin) for place in range(BATCHES)] for number in range(1, GATEWAYS + 1)]


def _packet(number: int, place: int, begin: datetime) -> bytes:
    hexed = f"{number:012X}"
    device = ":".join(hexed[n : n + 2] for n in range(0, 12, 2))
    first = place * ROWS + 1
    items = []
    for n in range(ROWS):
        kind, value = ((Kind.SPO2, 95.0), (Kind.PULSE_RATE, 72.0))[n % 2]
        taken_at = begin + timedelta(seconds=place * (ROWS // 2) + n // 2)
        reading = Observation(device=device, kind=kind, taken_at=taken_at, value=value, mode=Mode.CONTINUOUS)
        items.append((first + n, reading))
    batch = Batch(
        gateway=f"gw-{number}",
        outbox=OUTBOX,
        lane=Lane.BULK,
        after=first - 1,
        first=first,
        last=first + ROWS - 1,
        sent_at=int(begin.timestamp() * 1000),
        body=pack(items),
    )
    topic = f"hv/1/{number % 64}/gw-{number}/up/obs".encode()
    return publish_packet(topic, encode(batch), mid=place % 65535 + 1)


def publish_packet(topic: bytes, payload: bytes, mid: int) -> bytes:
    """MQTT 3.1.1, section 3.3: PUBLISH with QoS 1."""
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", mid) + payload
    return b"\x32" + _length(len(body)) + body


def _length(size: int) -> bytes:
    digits = bytearray()
    while True:
        size, digit = divmod(size, 128)
        digits.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(digits)


@dataclass(slots=True)
class _Sender:
    packets: list[bytes]
    sent: int = 0
    confirmed: int = 0


def _send_all(port: int, packets: list[list[bytes]]) -> float:
    """One connection for all gateways: what is measured is the server, not two hundred Python clients."""
    senders = {f"gw-{number}".encode(): _Sender(each) for number, each in enumerate(packets, start=1)}
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(LIMIT_S)
        incoming = _Packets(line)
        _connect(line, incoming)
        began = time.monotonic()
        line.sendall(b"".join(b"".join(_more(sender)) for sender in senders.values()))
        while any(sender.confirmed < len(sender.packets) for sender in senders.values()):
            outgoing = []
            for kind, body in incoming.read():
                if kind >> 4 == 3:
                    outgoing += _receipt(body, senders)
            if outgoing:
                line.sendall(b"".join(outgoing))
        return time.monotonic() - began


def _connect(line: socket.socket, incoming: "_Packets") -> None:
    line.sendall(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench")
    topic = b"hv/1/+/+/down/receipt"
    line.sendall(b"\x82" + _length(5 + len(topic)) + b"\x00\x01" + struct.pack("!H", len(topic)) + topic + b"\x00")
    seen: set[int] = set()
    while not {2, 9} <= seen:  # CONNACK, SUBACK
        seen |= {kind >> 4 for kind, _ in incoming.read()}


def _more(sender: _Sender) -> list[bytes]:
    until = min(sender.confirmed + WINDOW, len(sender.packets))
    new = sender.packets[sender.sent : until]
    sender.sent = max(sender.sent, until)
    return new


def _receipt(body: bytes, senders: dict[bytes, _Sender]) -> list[bytes]:
    (size,) = struct.unpack_from("!H", body)
    sender = senders[body[2 : 2 + size].split(b"/")[3]]
    mark = json.loads(body[2 + size :]).get("bulk", 0)
    sender.confirmed = max(sender.confirmed, mark // ROWS)
    return _more(sender)


class _Packets:
    """Whole MQTT packets out of a stream of bytes."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._rest = b""

    def read(self) -> list[tuple[int, bytes]]:
        data = self._rest + self._line.recv(1 << 18)
        found = []
        place = 0
        while (packet := self._one(data, place)) is not None:
            kind, body, place = packet
            found.append((kind, body))
        self._rest = data[place:]
        return found

    @staticmethod
    def _one(data: bytes, place: int) -> tuple[int, bytes, int] | None:
        size, shift, at = 0, 0, place + 1
        while at < len(data):
            size |= (data[at] & 0x7F) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 0x80:
                end = at + size
                return (data[place], data[at:end], end) if end <= len(data) else None
        return None


def _naive(dsn: str, broker: EmbeddedBroker) -> tuple[int, float]:
    with psycopg.connect(dsn) as conn:
        conn.execute("create table naive (at timestamptz, device text, kind text, value float8)")
    conn = psycopg.connect(dsn)
    done = 0

    def store(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal done
        reading = json.loads(message.payload)
        with conn.cursor() as cursor:
            cursor.executemany("insert into naive values (%s, %s, %s, %s)", [tuple(reading.values())])
        conn.commit()
        done += 1

    reader = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="naive")
    reader.on_message = store
    reader.connect("127.0.0.1", broker.port)
    reader.subscribe("naive", qos=1)
    while not reader.is_connected():
        reader.loop(1)
    reading = {"at": datetime.now(UTC).isoformat(), "device": "C0:00:00:00:00:01", "kind": "spo2", "value": 95}
    packet = publish_packet(b"naive", json.dumps(reading).encode(), mid=1)
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", broker.port)) as line:
        _connect(line, _Packets(line))
        line.sendall(packet * NAIVE_READINGS)
        while done < NAIVE_READINGS and time.monotonic() - began < LIMIT_S:
            reader.loop(1)
    took_s = time.monotonic() - began
    reader.disconnect()
    conn.close()
    return done, took_s


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
