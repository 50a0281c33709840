"""One message to one mail address.

With the standard library: the notification library that sends SMS hides the server's reply, so that "no such mailbox"
looks like "try again", and makes a new Message-ID for each try.
"""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from server.errors import ConfigError
from server.ways import endpoints
from server.ways.outcome import Failed, Sent, Why, passing
from server.ways.said import Message

WHOLE_S: Final = 30.0
STEP_S: Final = 10.0
PERMANENT: Final = range(500, 600)  # RFC 5321, section 4.2.1
AUTHENTICATION: Final = frozenset({530, 534, 535, 538})  # RFC 4954: ours to mend, and then it goes
SHAPE: Final = (
    "mail_url must look like smtp://user:password@host:587?from=hjemvakt@kommune.example (smtps: TLS at once)."
)
PORTS: Final = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailServer:
    """`tls`: at once, by STARTTLS, or not at all, for a server on this machine."""

    host: str
    port: int
    tls: str
    sender: str
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def mail_server(url: str) -> MailServer:
    try:
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        port = parts.port
    except ValueError as error:
        raise ConfigError(SHAPE) from error
    sender, tls = asked.pop("from", [""])[0], asked.pop("tls", ["yes"])[0]
    if (
        parts.scheme not in PORTS
        or not parts.hostname
        or asked
        or endpoints.mail(sender) is None
        or tls not in ("yes", "no")
    ):
        raise ConfigError(SHAPE)
    return MailServer(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        tls="none" if tls == "no" else "at once" if parts.scheme == "smtps" else "starttls",
        sender=sender,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


def send(message: Message, address: str, server: MailServer, now: datetime) -> Sent | Failed:
    letter = _letter(message, address, server, now)
    try:
        with _session(server) as session:
            session.send_message(letter, server.sender, [address])
    except smtplib.SMTPRecipientsRefused as error:
        code = next(iter(error.recipients.values()))[0]
        return _answered(code, "does not take mail for this address")
    except smtplib.SMTPResponseException as error:
        return _answered(error.smtp_code, "refused the message")
    except ssl.SSLError as error:
        return passing(f"the mail server: no trust ({error.reason or type(error).__name__})")
    except (OSError, smtplib.SMTPException, AttributeError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        return passing(f"the mail server: {said}")
    return Sent(provider_id=letter["Message-ID"])


def _answered(code: int, what: str) -> Failed:
    """Not in the server's own words: they often repeat the address."""
    permanent = code in PERMANENT and code not in AUTHENTICATION
    return Failed(why=Why.REFUSED if permanent else Why.PASSING, fault=f"the mail server {what} ({code})")


def _letter(message: Message, address: str, server: MailServer, now: datetime) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = f"Hjemvakt <{server.sender}>", address, message.text
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{message.id}@{server.sender.partition('@')[2]}>"  # the same when it is sent again
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Priority"] = "1"
    letter.set_content(f"{message.whole}\n")
    return letter


@contextlib.contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    """Over after WHOLE_S, however slowly its other end speaks."""
    context, name = ssl.create_default_context(), server.sender.partition("@")[2]
    if server.tls == "at once":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, local_hostname=name, timeout=STEP_S, context=context
        )
    else:
        session = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=STEP_S)
    limit = threading.Timer(WHOLE_S, _cut, [session])
    limit.daemon = True
    limit.start()
    try:
        if server.tls == "starttls":
            session.starttls(context=context)
        if server.user is not None:
            session.login(server.user, server.password or "")
        yield session
        with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the message
            session.quit()
    finally:
        limit.cancel()
        session.close()


def _cut(session: smtplib.SMTP) -> None:
    if session.sock is not None:
        with contextlib.suppress(OSError):
            session.sock.shutdown(socket.SHUT_RDWR)
