"""MQTT in, past one machine: NATS keeps what gateways say in a stream, on two of three servers before it acknowledges
it, and monitors pull it from there, bucket by bucket.

Each bucket and lane has a durable consumer; who may pull from it the shares say (server/store/shares.py). What was
taken along and not acknowledged, because its monitor died, comes again after ACK_WAIT_S to whoever pulls then. What we
say goes out as a message of NATS, which reaches clients of MQTT on every server.
"""

import asyncio
import contextlib
import json
import logging
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig

from devices.wire.topics import ROOT, Channel, Topic
from server.doors import INBOX, STREAM
from server.errors import ServerError
from server.store.arrival import Arrival

KEPT: Final = "$MQTT.msgs."  # and the subject that the message was published to
AT_ONCE: Final = 64  # of one bucket and lane, not acknowledged yet; all buckets of a lane together fill its mailbox
PULL_S: Final = 5.0  # a pull without an answer for so long, and a little more, was lost with its server
SLACK_S: Final = 2.0
ACK_WAIT_S: Final = 10.0
FORGOTTEN_S: Final = 600.0  # nobody pulls: the stream keeps nothing for nobody, and gateways send again
FRESH_S: Final = 20.0  # servers that choose a new leader take ten
AGAIN_S: Final = 0.5
TURN_S: Final = 0.25
CONNECT_S: Final = 5.0
ANSWER_S: Final = 5.0
MAKING_MAX: Final = 8  # consumers at a time
UNSENT_MAX: Final = 20_000
BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)  # the last one repeats; each is stretched by up to half
STOP_LIMIT_S: Final = 5.0
EMPTY, NO_RESPONDERS = ("404", "408"), "503"
GONE: Final = "Consumer Deleted"
ACK, NAK = b"+ACK", b"-NAK"

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Pull:
    """One consumer. `left`: messages that the present pull may still bring. `unacknowledged`: brought, and not answered
    by us. Times are of the monotonic clock."""

    bucket: int
    subscription: Subscription
    exists: bool = False  # as far as we know
    is_making: bool = False
    make_at: float = 0.0
    left: int = 0
    until: float = 0.0
    again_at: float = 0.0
    unacknowledged: int = 0
    heard_at: float = field(default_factory=time.monotonic)

    @property
    def rests(self) -> bool:
        return not self.left and not self.unacknowledged


@dataclass(frozen=True, slots=True)
class _Said:
    subject: str
    payload: bytes
    answers: _Pull | None = None


class StreamSession:
    """One connection to the cluster, again and again until `stop`; to the next of `urls` when one does not answer."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        name: str,
        channels: Sequence[Channel],
        take: Callable[[Arrival], None],
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        """`take` is called in the session's thread, and must not wait. `tls` is asked at each connection to tls://."""
        self._urls, self._name, self._take, self._tls = tuple(urls), name, take, tls
        self._channels = tuple(channels)
        self._lane = "-".join(str(channel).removeprefix("up/") for channel in channels)
        self._wanted: frozenset[int] = frozenset()
        self._pulls: dict[int, _Pull] = {}
        self._making: set[asyncio.Task[None]] = set()
        self._unsent: deque[_Said] = (
            deque()
        )  # answers, of which there are AT_ONCE for each bucket, and UNSENT_MAX others
        self._lock = threading.Lock()
        self._line: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_up(self) -> bool:
        """Connected, and each of our consumers has answered within a while, or has only just become ours."""
        late = time.monotonic() - FRESH_S
        return self._line is not None and all(each.heard_at > late for each in list(self._pulls.values()))

    @property
    def hears(self) -> bool:
        """All that was asked for: nothing that a gateway says passes us by."""
        pulls = dict(self._pulls)
        return self.is_up and all(bucket in pulls and pulls[bucket].exists for bucket in self._wanted)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._ring()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def serve(self, buckets: Collection[int]) -> None:
        """From now on these. Of others nothing more is pulled, and what was taken along is still answered."""
        wanted = frozenset(buckets)
        if wanted != self._wanted:
            self._wanted = wanted
            self._ring()

    def rests(self, bucket: int) -> bool:
        """Nothing of it is under way to us or from us: another one may go on where we ended."""
        pull = self._pulls.get(bucket)
        return pull is None or pull.rests

    def publish(self, topic: Topic, payload: bytes) -> bool:
        """From any thread. What cannot be sent now (False) is not sent: a receipt is repeated, never queued."""
        return len(self._unsent) < UNSENT_MAX and self._say(_Said(_subject(str(topic)), payload))

    def _say(self, said: _Said) -> bool:
        with self._lock:
            if self._line is None:
                return False
            self._unsent.append(said)
            is_first = len(self._unsent) == 1
        if is_first:
            self._ring()
        return True

    def _ring(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(self._bell.set)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began, url = time.monotonic(), self._urls[failures % len(self._urls)]
            try:
                asyncio.run(self._one_connection(url, self._tls() if url.startswith("tls:") else None))
            except Exception as error:  # noqa: BLE001 - the outer edge of this thread: whatever it was, connect anew
                if failures == 0 or failures.bit_count() == 1:  # servers that are down for days must not fill the disk
                    log.warning("%s: %s", self._name, _what_to_do(url, error))
            failures = 0 if time.monotonic() - began > FRESH_S else failures + 1
            self._stopping.wait(_back_off_s(failures // len(self._urls)))

    async def _one_connection(self, url: str, tls: ssl.SSLContext | None) -> None:
        gone = asyncio.Event()

        async def over(*_: object) -> None:
            gone.set()
            self._bell.set()

        line = await nats.connect(
            url,
            tls=tls,
            tls_handshake_first=tls is not None,  # nobody on the way can talk us out of it
            name=self._name,
            connect_timeout=CONNECT_S,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            error_cb=_quiet,
            disconnected_cb=over,
            closed_cb=over,
            inbox_prefix=f"{INBOX}.ask".encode(),
        )
        self._bell = asyncio.Event()
        self._loop, self._line = asyncio.get_running_loop(), line
        try:
            while not (gone.is_set() or self._stopping.is_set()):
                await self._turn(line)
            if not self._stopping.is_set():
                log.warning("%s: the broker at %s is gone", self._name, _without_password(url))
        finally:
            with self._lock:
                self._line = self._loop = None
                self._unsent.clear()
            self._pulls = {}
            await line.close()

    async def _turn(self, line: Client) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), TURN_S)
        self._bell.clear()
        await self._send(line)
        for bucket in self._wanted - self._pulls.keys():
            self._pulls = self._pulls | {bucket: await self._begin(line, bucket)}
        for pull in list(self._pulls.values()):
            await self._attend(line, pull)

    async def _send(self, line: Client) -> None:
        while self._unsent:
            with self._lock:
                said = self._unsent.popleft()
            if said.answers is not None:
                said.answers.unacknowledged -= 1
            await line.publish(said.subject, said.payload)

    async def _begin(self, line: Client, bucket: int) -> _Pull:
        async def came(message: Msg) -> None:
            self._came(pull, message)

        pull = _Pull(bucket=bucket, subscription=await line.subscribe(f"{INBOX}.{line._nuid.next().decode()}", cb=came))
        return pull

    async def _attend(self, line: Client, pull: _Pull) -> None:
        now = time.monotonic()
        if pull.left and now > pull.until + SLACK_S:
            pull.left = 0
        if pull.bucket not in self._wanted:
            if pull.rests:
                await pull.subscription.unsubscribe()
                self._pulls = {bucket: each for bucket, each in self._pulls.items() if each is not pull}
            return
        if not pull.exists:
            self._make(line, pull, now)
        if pull.unacknowledged >= AT_ONCE:
            pull.heard_at = now  # it has answered, and waits for us
        elif not pull.left and now >= pull.again_at:
            pull.left, pull.until = AT_ONCE - pull.unacknowledged, now + PULL_S
            wish = {"batch": pull.left, "expires": int(PULL_S * 1e9)}
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._consumer(pull.bucket)}"
            await line.publish(subject, json.dumps(wish).encode(), reply=pull.subscription.subject)

    def _make(self, line: Client, pull: _Pull, now: float) -> None:
        making = sum(each.is_making for each in self._pulls.values())
        if not pull.is_making and making < MAKING_MAX and now >= pull.make_at:
            pull.is_making = True
            task = asyncio.get_running_loop().create_task(self._made(line, pull))
            self._making.add(task)
            task.add_done_callback(self._making.discard)

    async def _made(self, line: Client, pull: _Pull) -> None:
        """The same again changes nothing: whoever comes first makes it."""
        name = self._consumer(pull.bucket)
        subjects = [f"{KEPT}{_subject(f'{ROOT}/{pull.bucket}/+/{channel}')}" for channel in self._channels]
        config = ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subjects=subjects,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=AT_ONCE,
            inactive_threshold=FORGOTTEN_S,
        )
        try:
            await line.jetstream(timeout=ANSWER_S).add_consumer(STREAM, config)
            pull.exists, pull.heard_at, pull.again_at = True, time.monotonic(), 0.0
        except (NatsError, TimeoutError) as error:
            log.info("%s: the consumer %s is not there yet: %s", self._name, name, error or type(error).__name__)
            pull.make_at = time.monotonic() + AGAIN_S
        finally:
            pull.is_making = False
            self._bell.set()

    def _came(self, pull: _Pull, message: Msg) -> None:
        headers = message.headers or {}
        if "Status" in headers:
            self._was_told(pull, headers["Status"], headers.get("Description", ""))
            return
        pull.exists, pull.heard_at = True, time.monotonic()
        pull.left = max(0, pull.left - 1)
        pull.unacknowledged += 1
        if not pull.left:
            self._bell.set()
        reply = message.reply
        arrival = Arrival(
            topic=message.subject.removeprefix(KEPT).replace(".", "/"),
            payload=message.data,
            received_at=datetime.now(UTC),
            acknowledge=lambda: self._answer(pull, reply, ACK),
            give_back=lambda: self._answer(pull, reply, NAK),
        )
        self._take(arrival)

    def _was_told(self, pull: _Pull, status: str, why: str) -> None:
        """The pull is over: it was empty for its time (408), or its server is not the one to ask (409, 503)."""
        pull.left, now = 0, time.monotonic()
        if status in EMPTY:
            pull.exists, pull.heard_at = True, now
        else:
            pull.exists = pull.exists and status != NO_RESPONDERS and why != GONE
            pull.again_at = now + AGAIN_S
        self._bell.set()

    def _answer(self, pull: _Pull, reply: str, word: bytes) -> None:
        """On the connection that brought it; on a later one it has come again."""
        if self._pulls.get(pull.bucket) is pull:
            self._say(_Said(reply, word, pull))

    def _consumer(self, bucket: int) -> str:
        return f"hv-{self._lane}-{bucket}"


def _subject(topic: str) -> str:
    """Of a topic whose levels have no dots: https://docs.nats.io/running-a-nats-service/configuration/mqtt"""
    return topic.replace("/", ".").replace("+", "*")


def _what_to_do(url: str, error: Exception) -> str:
    if isinstance(error, ServerError):
        return str(error)
    why = error or type(error).__name__
    return f"the broker at {_without_password(url)} does not answer; start it, or correct HJEMVAKT_NATS_URL: {why}"


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


async def _quiet(_: Exception) -> None:
    """Told by whoever ends the connection."""


def _back_off_s(failures: int) -> float:
    return BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * random.uniform(1.0, 1.5)
