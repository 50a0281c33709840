"""What stands outside of the house: push service, SMS gateway, mail server, and the browser's end of a push."""

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.notify import Sender
from server.store.notices import Call, call
from server.ways.carrier import Carrier
from server.ways.encryption import base64url, from_base64url, point

# RFC 8291, section 5: the browser of the example.
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
UA_KEYS = {"p256dh": UA_PUBLIC, "auth": UA_AUTH}
LIMIT_S = 30.0


def decrypt(body: bytes) -> bytes:
    """As the browser of RFC 8291's example does it: section 3.4, and RFC 8188, section 2."""
    salt, size, ours = body[:16], int.from_bytes(body[16:20], "big"), body[21 : 21 + body[20]]
    assert (size, len(ours)) == (4096, 65)
    key = ec.derive_private_key(int.from_bytes(from_base64url(UA_PRIVATE), "big"), ec.SECP256R1())
    shared = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), ours))
    info = b"WebPush: info\0" + from_base64url(UA_PUBLIC) + ours
    ikm = HKDF(algorithm=SHA256(), length=32, salt=from_base64url(UA_AUTH), info=info).derive(shared)
    cek = HKDF(algorithm=SHA256(), length=16, salt=salt, info=b"Content-Encoding: aes128gcm\0").derive(ikm)
    nonce = HKDF(algorithm=SHA256(), length=12, salt=salt, info=b"Content-Encoding: nonce\0").derive(ikm)
    padded = AESGCM(cek).decrypt(nonce, body[21 + len(ours) :], None).rstrip(b"\0")
    assert padded.endswith(b"\x02")
    return padded[:-1]


def claims(authorization: str, public_key: str) -> dict[str, Any]:
    """Of a VAPID header (RFC 8292, section 3), after its signature was checked."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid" and parts["k"] == public_key
    head, content, signature = parts["t"].split(".")
    raw = from_base64url(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    known = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(public_key))
    known.verify(der, f"{head}.{content}".encode(), ec.ECDSA(SHA256()))
    assert json.loads(from_base64url(head)) == {"typ": "JWT", "alg": "ES256"}
    found: dict[str, Any] = json.loads(from_base64url(content))
    return found


@dataclass(kw_only=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """Answers what it is told to, and remembers. `held`: an answer waits until it is set."""

    port: int = 0
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[Request] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)

    def answer(self, status: int, times: int = 1, **headers: str) -> None:
        self.answers += [(status, headers)] * times


@contextlib.contextmanager
def receiver(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    made = Receiver()
    made.held.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append(Request(path=self.path, headers=dict(self.headers.items()), body=body))
            made.held.wait(LIMIT_S)
            status, headers = made.answers.pop(0) if made.answers else (201, {"Location": "/m/1"})
            with contextlib.suppress(OSError):  # whoever asked may have gone
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client without trust hangs up: that is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        made.held.set()
        server.shutdown()
        thread.join(LIMIT_S)
        server.server_close()


@dataclass(kw_only=True)
class Mailbox:
    """`replies`: to the next recipients, before they are taken."""

    port: int = 0
    letters: list[Envelope] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.letters.append(envelope)
        return "250 OK"


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None, port: int) -> Iterator[Mailbox]:
    """With STARTTLS, which it insists on."""
    box = Mailbox(port=port)
    controller = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=tls is not None, decode_data=False
    )
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def make_trust(directory: Path, name: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """A server's end for `localhost`, and the file that a client must trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem, private = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return context, pem


@dataclass(kw_only=True)
class Outside:
    """A town whose staff have ways, and senders that are started when a test says so."""

    town: Any
    carrier: Carrier
    push: Receiver
    sms: Receiver
    mail: Mailbox
    running: list[tuple[Sender, threading.Thread]] = field(default_factory=list)

    def add(self, login: str, way: str, address: str | None = None, language: str = "nb") -> int:
        """As its owner added and confirmed it."""
        given = {"push": f"https://localhost:{self.push.port}/send/{login}", "sms": "+4790000001"}
        keys = json.dumps(UA_KEYS) if way == "push" else None
        lane = "push:localhost" if way == "push" else way
        return self.town.one(
            """insert into staff_way (staff_id, way, address, keys, lane, language, added_at, confirmed_at)
               values (%s, %s, %s, %s, %s, %s, now(), now()) returning id""",
            self.town.staff[login],
            way,
            address or given.get(way, f"{login}@example.org"),
            keys,
            lane,
            language,
        )

    def call(self, alert: int, *logins: str, phone: str | None = None, step: int = 0, rev: int | None = None) -> None:
        revision = rev or self.town.one("select rev from alert where id = %s", alert)
        calls = [Call(alert=alert, rev=revision, step=step, staff=self.town.staff[login]) for login in logins]
        if phone is not None:
            calls.append(Call(alert=alert, rev=revision, step=step, phone=phone))
        with self.town.connection() as conn:
            call(conn, calls, datetime.now(UTC))

    def start(self, carrier: Carrier | None = None) -> Sender:
        sender = Sender(dsn=self.town.owner, now=lambda: datetime.now(UTC), carrier=carrier or self.carrier)
        thread = threading.Thread(target=sender.run)
        thread.start()
        self.running.append((sender, thread))
        return sender

    def stop(self) -> None:
        for sender, _ in self.running:
            sender.stop()
        for _, thread in self.running:
            thread.join(LIMIT_S)
            assert not thread.is_alive()
        self.running.clear()

    def states(self) -> list[tuple[str, str]]:
        return self.town.sql("select way, state from notice order by due_at, id")


def new_browser() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    return {"p256dh": base64url(point(key.public_key())), "auth": base64url(b"0123456789abcdef")}
