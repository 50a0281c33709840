"""The full path: MQTT in, key, limits, alerts, commit, receipt; broker, database, monitor and senders on one machine.

Senders keep eight batches under way per gateway, as the real ones do, and send the next when a receipt came. Beside it
the naive way: one reading per message, inserted and committed as it comes; and what PostgreSQL can at most: COPY from a
file into a table without a key. The shares are of the processor time that all of them used; on a busy machine they, and
the microseconds of processor per observation, say more than the observations per second.
"""

import contextlib
import json
import multiprocessing
import os
import secrets
import select
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
from psycopg.sql import SQL, Literal

from devices.vocabulary import Kind, Mode, Observation
from devices.wire.codec import encode, pack
from devices.wire.messages import Batch, Lane
from server.child.keep import Role
from server.roles.broker import EmbeddedBroker
from server.store import rolelife
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate
from tests.bench import cpu

GATEWAYS: Final = 200
CASES: Final = {1: 40, 20: 60, 100: 20}  # observations in a message, messages of each gateway: together 162 s
WINDOW: Final = 8
CALM_PER_S: Final = 5000
CALM_S: Final = 10.0
CALM_ROWS: Final = 20
ALERTS_IN: Final = 20  # one gateway in so many has red readings
COPIED: Final = 500_000
NAIVE_READINGS: Final = 4000
LIMIT_S: Final = 120.0
Cpu = dict[str, float]


def rows() -> list[tuple[str, ...]]:
    head = ("way", "observations", "observations/s", "CPU us each", "broker", "database", "we", "sender")
    with _servers() as (dsn, broker, postgres):
        assert broker.pid is not None and postgres.pid is not None
        pids = {"broker": broker.pid, "database": postgres.pid}
        _enrol(dsn)
        with _monitor(dsn, broker) as pid:
            pids["we"] = pid
            begin = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=4)
            table = []
            for each, batches in CASES.items():
                table.append(_full_path(dsn, broker, pids, _packets(each, batches, begin), each))
                begin += timedelta(seconds=each * batches / 20)  # what came before is older
            calm = _calm(broker)
        naive = _naive(dsn, broker, pids)
        copied = _copied(dsn, pids)
    return [head, *table, naive, copied, calm]


def _row(way: str, readings: int, took_s: float, used: Cpu) -> tuple[str, ...]:
    whole = sum(used.values())
    shares = [f"{used.get(name, 0) / whole:.0%}" for name in ("broker", "database", "we", "sender")]
    return way, f"{readings:,}", f"{readings / took_s:,.0f}", f"{whole / readings * 1e6:.1f}", *shares


@contextlib.contextmanager
def _using(pids: dict[str, int]) -> Iterator[Cpu]:
    used: Cpu = {}
    before = {name: cpu.of_tree(pid) for name, pid in pids.items()}
    yield used
    used |= {name: cpu.of_tree(pid) - before[name] for name, pid in pids.items()}


@contextlib.contextmanager
def _servers() -> Iterator[tuple[str, EmbeddedBroker, EmbeddedPostgres]]:
    with tempfile.TemporaryDirectory(prefix="hvb-", ignore_cleanup_errors=True) as place:
        postgres = EmbeddedPostgres(Path(place) / "postgres")
        broker = EmbeddedBroker(Path(place) / "broker", port=_free_port(), nats_port=_free_port())
        postgres.start()
        broker.start()
        try:
            migrate(postgres.dsn())
            yield postgres.dsn(), broker, postgres
        finally:
            broker.stop()
            postgres.stop()


@contextlib.contextmanager
def _monitor(dsn: str, broker: EmbeddedBroker) -> Iterator[int]:
    environment = {**os.environ, "HJEMVAKT_DATABASE_URL": dsn, "HJEMVAKT_MQTT_URL": broker.url}
    monitor = Role([sys.executable, "-m", "server", "monitor"], directory=Path.cwd(), environment=lambda: environment)
    monitor.start()
    try:
        _await_monitor(dsn)
        assert monitor.pid is not None
        yield monitor.pid
    finally:
        monitor.stop()


def _full_path(
    dsn: str, broker: EmbeddedBroker, pids: dict[str, int], packets: list[list[bytes]], rows: int
) -> tuple[str, ...]:
    before, readings = _stored(dsn), sum(map(len, packets)) * rows
    with _using(pids) as used, multiprocessing.get_context("fork").Pool(1) as pool:
        took_s, used["sender"] = pool.apply(_send_all, (broker.port, packets, rows))
    assert _stored(dsn) - before == readings
    return _row(f"Hjemvakt, {rows} in a message", readings, took_s, used)


def _stored(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        (stored,) = conn.execute("select count(*) from observation").fetchone() or (0,)
    return int(stored)


def _calm(broker: EmbeddedBroker) -> tuple[str, ...]:
    """A red reading stands in one batch of ALERTS_IN, and what its receipt confirms has alerted, too."""
    batches = round(CALM_PER_S * CALM_S / CALM_ROWS / GATEWAYS)
    packets = _packets(CALM_ROWS, batches, datetime.now(UTC).replace(microsecond=0), red=True)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        late_ms = sorted(ms for number, ms in pool.apply(_send_calmly, (broker.port, packets)) if _alerts(number))
    told = ", ".join(f"p{share} {late_ms[len(late_ms) * share // 100]:.0f} ms" for share in (50, 99))
    way = f"{CALM_PER_S:,} a second, some with alerts: these, from sent until receipt: {told}"
    return way, f"{batches * GATEWAYS * CALM_ROWS:,}", "-", "-", "-", "-", "-", "-"


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


def _alerts(gateway: int) -> bool:
    return gateway % ALERTS_IN == 0


def _packets(rows: int, batches: int, begin: datetime, *, red: bool = False) -> list[list[bytes]]:
    """By gateway: MQTT PUBLISH packets (QoS 1) of batches of two live streams at 10 Hz, all inside the limits; with
    `red` the last reading of some is not."""
    outbox = secrets.token_hex(8)
    return [
        [_packet(number, place, rows, begin, outbox, red=red) for place in range(batches)]
        for number in range(1, GATEWAYS + 1)
    ]


def _packet(number: int, place: int, rows: int, begin: datetime, outbox: str, *, red: bool) -> bytes:
    hexed = f"{number:012X}"
    device = ":".join(hexed[n : n + 2] for n in range(0, 12, 2))
    first = place * rows + 1
    items = []
    for n in range(rows):
        kind, value, mode = ((Kind.SPO2, 95.0), (Kind.PULSE_RATE, 72.0))[(place * rows + n) % 2] + (Mode.CONTINUOUS,)
        if red and n == rows - 1 and _alerts(number):
            value, mode = 140.0, Mode.SPOT
        taken_at = begin + timedelta(milliseconds=100 * ((place * rows + n) // 2))
        reading = Observation(device=device, kind=kind, taken_at=taken_at, value=value, mode=mode)
        items.append((first + n, reading))
    batch = Batch(
        gateway=f"gw-{number}",
        outbox=outbox,
        lane=Lane.BULK,
        after=first - 1,
        first=first,
        last=first + rows - 1,
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
    rows: int
    sent: int = 0
    confirmed: int = 0


def _send_all(port: int, packets: list[list[bytes]], rows: int) -> tuple[float, float]:
    """How long it took, and the processor's time for sending. One connection for all gateways: what is measured is the
    server, not two hundred Python clients."""
    senders = {f"gw-{number}".encode(): _Sender(each, rows) for number, each in enumerate(packets, start=1)}
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(LIMIT_S)
        incoming = _Packets(line)
        _connect(line, incoming)
        began, used_s = time.monotonic(), time.process_time()
        line.sendall(b"".join(b"".join(_more(sender)) for sender in senders.values()))
        while any(sender.confirmed < len(sender.packets) for sender in senders.values()):
            outgoing = []
            for kind, body in incoming.read():
                if kind >> 4 == 3:
                    outgoing += _receipt(body, senders)
            if outgoing:
                line.sendall(b"".join(outgoing))
        return time.monotonic() - began, time.process_time() - used_s


def _send_calmly(port: int, packets: list[list[bytes]]) -> list[tuple[int, float]]:
    """At an even pace; how many ms each batch, by its gateway, waited for its receipt."""
    order = [(f"gw-{number}".encode(), place) for place in range(len(packets[0])) for number in range(1, GATEWAYS + 1)]
    every_s = CALM_S / len(order)
    sent_s: dict[tuple[bytes, int], float] = {}
    late_ms: list[tuple[int, float]] = []
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(LIMIT_S)
        incoming = _Packets(line)
        _connect(line, incoming)
        began, next_one = time.monotonic(), 0
        while len(late_ms) < len(order):
            now = time.monotonic()
            while next_one < len(order) and began + next_one * every_s <= now:
                gateway, place = order[next_one]
                sent_s[gateway, place] = now
                line.sendall(packets[int(gateway[3:]) - 1][place])
                next_one += 1
            if select.select([line], [], [], every_s)[0]:
                late_ms += [ms for kind, body in incoming.read() if kind >> 4 == 3 for ms in _confirmed(body, sent_s)]
    return late_ms


def _confirmed(body: bytes, sent_s: dict[tuple[bytes, int], float]) -> Iterator[tuple[int, float]]:
    (size,) = struct.unpack_from("!H", body)
    gateway, mark = body[2 : 2 + size].split(b"/")[3], json.loads(body[2 + size :]).get("bulk", 0)
    for key in [key for key in sent_s if key[0] == gateway and (key[1] + 1) * CALM_ROWS <= mark]:
        yield int(gateway[3:]), (time.monotonic() - sent_s.pop(key)) * 1e3


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
    sender.confirmed = max(sender.confirmed, mark // sender.rows)
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


def _naive(dsn: str, broker: EmbeddedBroker, pids: dict[str, int]) -> tuple[str, ...]:
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
    began, used_s = time.monotonic(), time.process_time()
    servers = {name: pids[name] for name in ("broker", "database")}
    with _using(servers) as used, socket.create_connection(("127.0.0.1", broker.port)) as line:
        _connect(line, _Packets(line))
        line.sendall(packet * NAIVE_READINGS)
        while done < NAIVE_READINGS and time.monotonic() - began < LIMIT_S:
            reader.loop(1)
    took_s = time.monotonic() - began
    used["we"] = time.process_time() - used_s
    reader.disconnect()
    conn.close()
    return _row("naive: one reading a message, one insert, one commit", done, took_s, used)


def _copied(dsn: str, pids: dict[str, int]) -> tuple[str, ...]:
    """The limit: the server reads a file of its own into a table without a key."""
    with psycopg.connect(dsn, autocommit=True) as conn, tempfile.NamedTemporaryFile(prefix="hvb-", dir="/tmp") as file:
        conn.execute("create table bare (patient int, kind smallint, at timestamptz, value float8)")
        begin = datetime(2026, 3, 2, tzinfo=UTC)
        for n in range(COPIED):
            file.write(f"{n % 500}\t3\t{begin + timedelta(seconds=n)}\t95\n".encode())
        file.flush()
        Path(file.name).chmod(0o644)
        began = time.monotonic()
        with _using({"database": pids["database"]}) as used:
            conn.execute(SQL("copy bare from {}").format(Literal(file.name)))
        return _row("the limit: COPY of a file into a table without a key", COPIED, time.monotonic() - began, used)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
