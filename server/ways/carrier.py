"""The ways that this installation has, and one message on one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from server.config import Config
from server.ways import endpoints, mail, push, sms
from server.ways.encryption import browser_keys
from server.ways.mail import MailServer
from server.ways.outcome import Failed, Sent, Why, passing
from server.ways.push import Subscription
from server.ways.said import Message
from server.ways.vapid import Identity, identity

Way = Literal["push", "sms", "email"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Carrier:
    """None: this installation has no such way."""

    public_url: str = ""
    identity: Identity | None = None
    push_hosts: tuple[str, ...] = ()
    sms: str | None = field(default=None, repr=False)
    mail: MailServer | None = None

    @property
    def offers(self) -> Mapping[Way, str]:
        """Each way that there is; of push with our public key."""
        found: dict[Way, str] = {}
        if self.identity is not None:
            found["push"] = self.identity.public_key
        if self.sms is not None:
            found["sms"] = ""
        if self.mail is not None:
            found["email"] = ""
        return found

    def send(
        self, message: Message, way: Way, address: str, keys: Mapping[str, str] | None, now: datetime
    ) -> Sent | Failed:
        if way == "push" and self.identity is not None and keys is not None:
            return self._push(message, address, keys, self.identity, now)
        if way == "sms" and self.sms is not None:
            return sms.send(message, address, self.sms)
        if way == "email" and self.mail is not None:
            return mail.send(message, address, self.mail, now)
        return passing(f"this installation is not set up for {way}")

    def _push(
        self, message: Message, url: str, keys: Mapping[str, str], ours: Identity, now: datetime
    ) -> Sent | Failed:
        endpoint = endpoints.endpoint(url, self.push_hosts)
        if endpoint is None:
            return Failed(why=Why.REFUSED, fault="nothing is sent to this host: it is not among push_hosts")
        to = Subscription(endpoint=endpoint, keys=browser_keys(keys["p256dh"], keys["auth"]))
        return push.send(message, to, ours, now)


def carrier(config: Config) -> Carrier:
    """Raises ConfigError. Nothing leaves the house unless it is configured; the key of push is made at first use."""
    return Carrier(
        public_url=(config.public_url or "").rstrip("/"),
        identity=identity(config.data, config.push_contact) if config.push_contact else None,
        push_hosts=config.own_push_hosts,
        sms=sms.checked(config.sms_url) if config.sms_url else None,
        mail=mail.mail_server(config.mail_url) if config.mail_url else None,
    )
