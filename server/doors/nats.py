"""NATS asks us about each client of MQTT (its "auth callout"), and we answer from what we know of certificates.

The server itself has checked the chain and the time. We ask that the client id is the name in the certificate, so that
nobody takes another's session; that the certificate is in force; and give each gateway its own topics alone. Who has no
right to be in any more is thrown out by the number of its connection, on whichever server of the cluster it is.

Nobody gets a name from us. A server that reads its settings again, as it does for its next certificate, throws out whom
its settings do not know by name, and asks us about everybody else: so whoever is in stays in, and who has not come as
far as its CONNECT goes on. We know them by the key of the certificate that they have shown (CONNZ: tls_peer_certs).
"""

import asyncio
import contextlib
import json
import logging
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import nats
from cryptography import x509
from cryptography.x509.oid import NameOID
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from devices.wire.topics import ROOT, Channel, everybody
from server.doors import BROKER, INBOX, MONITORS, STREAM, Known
from server.doors.nats_settings import ACCOUNT, GUARD
from server.errors import TrustError
from server.nkeys import AccountKey, claims_of
from server.store.enrolments import InForce

ASKED: Final = "$SYS.REQ.USER.AUTH"
GUARDS: Final = "guards"  # of several, one answers
PAGE: Final = 500
RELOAD_LIMIT_S: Final = 60.0  # it asks about one after the other: a thousand took two seconds
ANSWER_LIMIT_S: Final = 10.0  # a server that a thousand gateways come back to is slow to tell who is in
OTHERS_S: Final = 0.3  # for the other servers of a cluster, after the first has answered
ONCE_MORE_S: Final = 1.0  # who was being let in just then is not listed yet
AGAIN_S: Final = 0.2
STOP_LIMIT_S: Final = 5.0
LONG_S: Final = 30.0  # a connection that stood so long was one
DELIVERY: Final = "$MQTT.sub.>"  # where JetStream delivers to a client of MQTT what it subscribed to with QoS 1

log = logging.getLogger(__name__)

Find = Callable[[str], InForce | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Inside:
    """A gateway's connection. `key`: of its certificate, as `InForce` has it."""

    server: str
    cid: int
    gateway: str
    key: str


class RefusedError(Exception):
    """Why a client does not come in."""


class NatsDoor:
    """`find` is asked, in a thread, about a certificate that is not known: it may be a minute old. `tls`: what we show
    to a server that wants it (tls://), as those of a cluster do."""

    def __init__(self, url: str, key: AccountKey, find: Find, tls: Callable[[], ssl.SSLContext]) -> None:
        self._url, self._key, self._find, self._tls = url, key, find, tls
        self._known = Known(standing={}, outsiders=(), revoked=None, is_listed=False)
        self._loop = asyncio.new_event_loop()
        self._changed, self._stop = asyncio.Event(), asyncio.Event()
        self._is_renewed = False
        self._shown: Mapping[str, InForce] | None = None  # in force at the last look; None: look at everybody
        self._ended: frozenset[str] = frozenset()  # gateways of what ended at the last look; looked for once more
        self._asked: dict[str, InForce] = {}  # let in by a question to the database; no look has seen them
        self._thread = threading.Thread(target=self._keep, name="nats-door")

    def open(self) -> None:
        self._thread.start()

    def know(self, known: Known) -> None:
        self._known = known
        self._loop.call_soon_threadsafe(self._changed.set)

    def has_new_certificate(self) -> None:
        self._is_renewed = True
        self._loop.call_soon_threadsafe(self._changed.set)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(STOP_LIMIT_S)

    def _keep(self) -> None:
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                await self._one_connection()
            except (OSError, NatsError, TimeoutError, TrustError) as error:
                failures = 1 if time.monotonic() - began > LONG_S else failures + 1
                if failures.bit_count() == 1:  # a broker that is down for days must not fill the disk
                    why = error or type(error).__name__
                    log.warning("the broker at %s does not answer the guard: %s", self._url, why)
            except Exception:  # the outer edge of this thread: without it nobody would be let in
                log.exception("the guard's connection to the broker failed")
            await asyncio.wait({stopping}, timeout=AGAIN_S)

    async def _one_connection(self) -> None:
        gone = asyncio.Event()

        async def over(*_: object) -> None:
            gone.set()

        wants_tls = self._url.startswith("tls:")
        line = await nats.connect(
            self._url,
            tls=await asyncio.to_thread(self._tls) if wants_tls else None,
            tls_handshake_first=wants_tls,  # before the password
            user=GUARD,
            password=self._key.password(GUARD),
            name="hjemvakt-guard",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=AGAIN_S,
            error_cb=_quiet,
            disconnected_cb=over,
            closed_cb=over,
            inbox_prefix=b"_INBOX.guard",
        )
        try:
            await line.subscribe(ASKED, queue=GUARDS, cb=self._answer)
            log.info("guarding the broker at %s", self._url)
            self._shown = None
            self._changed.set()
            await self._watch(line, gone)
        finally:
            await line.close()

    async def _watch(self, line: Client, gone: asyncio.Event) -> None:
        ends = [asyncio.create_task(each.wait()) for each in (gone, self._stop)]
        try:
            while not (gone.is_set() or self._stop.is_set()):
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait({changed, *ends}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if self._changed.is_set():
                    self._changed.clear()
                    await self._attend(line)
        finally:
            for end in ends:
                end.cancel()

    async def _attend(self, line: Client) -> None:
        if self._is_renewed:
            self._is_renewed = False
            await _request(line, f"$SYS.REQ.SERVER.{_server_of(line)}.RELOAD", {}, RELOAD_LIMIT_S)
            log.info("the broker has read its settings again")
        standing = self._known.standing
        if self._shown is None:
            await self._show_out(line, [each async for each in _everybody(line)])
        else:
            over = [each for serial, each in self._shown.items() if serial not in standing]
            ended = frozenset(each.gateway for each in [*over, *await self._ended_unseen(standing)])
            for gateway in sorted(ended | self._ended):
                await self._show_out(line, [each async for each in _called(line, gateway)])
            if ended:
                self._loop.call_later(ONCE_MORE_S, self._changed.set)
            self._ended = ended
        self._shown = standing

    async def _ended_unseen(self, standing: Mapping[str, InForce]) -> list[InForce]:
        """Made, used and ended between two looks. What is newer than the last look waits for the next."""
        asked, self._asked = self._asked, {}
        new = [each for serial, each in asked.items() if serial not in standing]
        over = [each for each in new if await asyncio.to_thread(self._find, each.serial) is None]
        self._asked |= {each.serial: each for each in new if each not in over}
        return over

    async def _show_out(self, line: Client, inside: Iterable[_Inside]) -> None:
        in_force = {each.key for each in (*self._known.standing.values(), *self._asked.values())}
        for each in inside:
            if each.key not in in_force:
                await _request(line, f"$SYS.REQ.SERVER.{each.server}.KICK", {"cid": each.cid})
                log.info("shown out: %s, whose certificate is not in force", each.gateway)

    async def _answer(self, question: Msg) -> None:
        try:
            claims = claims_of(question.data)
            await question.respond(await self._verdict(claims["nats"], int(claims["iat"])))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("the broker asks something that makes no sense: %r", error)

    async def _verdict(self, asked: dict[str, Any], now: int) -> bytes:
        about = {"sub": asked["user_nkey"], "iat": now, "jti": asked["user_nkey"]}
        verdict: dict[str, Any] = {"type": "authorization_response", "version": 2}
        try:
            verdict["jwt"] = self._key.token(about | await self._rights(asked))
        except RefusedError as refused:
            log.warning("not let in from %s: %s", asked["client_info"].get("host"), refused)
            verdict["error"] = str(refused)
        return self._key.token(about | {"aud": asked["server_id"]["id"], "nats": verdict}).encode()

    async def _rights(self, asked: dict[str, Any]) -> dict[str, Any]:
        certificate = _leaf(asked)
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) or (None,)
        called = "" if name is None else str(name.value)
        pulls = asked["client_info"].get("type") != "mqtt"
        if pulls and not called.startswith(MONITORS):
            raise RefusedError(f"the certificate of {called} without MQTT")
        says = asked["client_info"].get("mqtt_id")
        if not pulls and says and says != called:
            raise RefusedError(f"the certificate of {called} with another client id")
        if called.startswith(MONITORS):
            rights = PULLING_RIGHTS if pulls else MONITOR_RIGHTS
        elif called == BROKER:
            rights = NO_RIGHTS
        else:
            rights = gateway_rights(await self._standing(f"{certificate.serial_number:x}", called))
        if not pulls and not says:  # read its settings before the CONNECT, with which it asks again
            rights = NO_RIGHTS
        ends = int(certificate.not_valid_after_utc.timestamp())
        way = "STANDARD" if pulls else "MQTT"
        return {
            "aud": ACCOUNT,
            "exp": ends,
            "nats": {**rights, **UNLIMITED, "allowed_connection_types": [way]},
        }

    async def _standing(self, serial: str, called: str) -> InForce:
        found = self._known.standing.get(serial)
        if found is None and (found := await asyncio.to_thread(self._find, serial)) is not None:
            self._asked[serial] = found
        if found is None or found.gateway != called:
            raise RefusedError(f"the certificate {serial} of {called} is not in force")
        return found


UNLIMITED: Final = {
    **dict.fromkeys(("subs", "data", "payload"), -1),
    "type": "user",
    "version": 2,
}


def _subject(topic: str) -> str:
    return topic.replace(".", "//").replace("/", ".").replace("+", "*")


UP: Final = tuple(channel for channel in Channel if channel.startswith("up/"))
DOWN: Final = tuple(channel for channel in Channel if channel.startswith("down/"))
MONITOR_RIGHTS: Final = {
    "pub": {"allow": [_subject(everybody(channel)) for channel in DOWN]},
    "sub": {"allow": [*(_subject(everybody(channel)) for channel in UP), DELIVERY]},
}
PULLING_RIGHTS: Final = {
    "pub": {
        "allow": [
            *(_subject(everybody(channel)) for channel in (Channel.RECEIPT, Channel.COMMAND)),
            *(f"$JS.API.CONSUMER.{deed}.{STREAM}.>" for deed in ("CREATE", "MSG.NEXT")),
            f"$JS.ACK.{STREAM}.>",
        ]
    },
    "sub": {"allow": [f"{INBOX}.>"]},
}
NO_RIGHTS: Final = {"pub": {"deny": [">"]}, "sub": {"deny": [">"]}}


def gateway_rights(of: InForce) -> dict[str, Any]:
    own = f"{ROOT}/{of.bucket}/{of.gateway}"
    return {
        "pub": {"allow": [_subject(f"{own}/{channel}") for channel in UP]},
        "sub": {"allow": [*(_subject(f"{own}/{channel}") for channel in DOWN), DELIVERY]},
    }


def _leaf(asked: dict[str, Any]) -> x509.Certificate:
    chains = asked.get("client_tls", {}).get("verified_chains")
    if not chains:
        raise RefusedError("no certificate of our authority")
    return x509.load_pem_x509_certificate(chains[0][0].encode())


def _server_of(line: Client) -> str:
    return str(line._server_info["server_id"])


async def _quiet(_: Exception) -> None:
    """Told by whoever ends the connection."""


async def _request(line: Client, subject: str, said: dict[str, Any], limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
    answer = json.loads((await line.request(subject, json.dumps(said).encode(), timeout=limit_s)).data)
    if "error" in answer:
        log.warning("the broker refuses %s: %s", subject, answer["error"])
    return dict(answer)


async def _everybody(line: Client) -> AsyncIterator[_Inside]:
    """Gateways on every server."""
    for server in [each["server"]["id"] async for each in _each_server(line, "STATSZ", {})]:
        offset = 0
        while True:
            asked = {"auth": True, "acc": ACCOUNT, "limit": PAGE, "offset": offset}
            data = (await _request(line, f"$SYS.REQ.SERVER.{server}.CONNZ", asked)).get("data", {})
            for each in _gateways(server, data):
                yield each
            offset += PAGE
            if offset >= data.get("total", 0):
                break


async def _called(line: Client, gateway: str) -> AsyncIterator[_Inside]:
    asked = {"auth": True, "acc": ACCOUNT, "mqtt_client": gateway, "limit": PAGE}
    async for each in _each_server(line, "CONNZ", asked):
        for found in _gateways(each["server"]["id"], each.get("data", {})):
            yield found


def _gateways(server: str, data: dict[str, Any]) -> list[_Inside]:
    """Not ourselves, and none of our parts."""
    return [
        _Inside(server=server, cid=each["cid"], gateway=each["mqtt_client"], key=_key(each))
        for each in data.get("connections") or []
        if each.get("type") == "mqtt" and not each.get("mqtt_client", "").startswith((MONITORS, BROKER))
    ]


def _key(connection: dict[str, Any]) -> str:
    """Empty: it has shown none."""
    return str((connection.get("tls_peer_certs") or [{}])[0].get("spki_sha256", ""))


async def _each_server(line: Client, what: str, said: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """How many there are nobody knows: so the others have a moment after the first one. That none answers does not mean
    that nobody is in."""
    inbox = line.new_inbox()
    answers = await line.subscribe(inbox)
    await line.publish(f"$SYS.REQ.SERVER.PING.{what}", json.dumps(said).encode(), reply=inbox)
    try:
        yield json.loads((await answers.next_msg(timeout=ANSWER_LIMIT_S)).data)
        with contextlib.suppress(TimeoutError):
            while True:
                yield json.loads((await answers.next_msg(timeout=OTHERS_S)).data)
    finally:
        await answers.unsubscribe()
