"""What nats-server has to be told so that our guard decides who comes in: its own settings, as JSON that it reads."""

from pathlib import Path
from typing import Any, Final

from server.nkeys import AccountKey

CERTIFICATE, AUTHORITY, SETTINGS = "certificate.pem", "authority.pem", "door.conf"
ACCOUNT: Final = "HV"
GUARD: Final = "guard"
# A thousand gateways may come in one second. Who comes while the guard is not there waits so long in vain.
HANDSHAKE_S, AUTH_S = 10, 4


def settings(key: AccountKey) -> dict[str, Any]:
    """Of the whole server. Who is a user here is not asked about; for everybody else the guard is."""
    guard = {"user": GUARD, "password": key.password(GUARD)}
    callout = {"issuer": key.public, "account": "SYS", "auth_users": [GUARD]}
    return {
        "accounts": {"SYS": {"users": [guard]}, ACCOUNT: {"jetstream": "enabled"}},
        "system_account": "SYS",
        "authorization": {"timeout": AUTH_S, "auth_callout": callout},
    }


def tls(directory: Path) -> dict[str, Any]:
    """Of its MQTT listener: nobody comes in without a certificate."""
    certificate = str(directory / CERTIFICATE)
    return {
        "cert_file": certificate,
        "key_file": certificate,
        "ca_file": str(directory / AUTHORITY),
        "verify": True,
        "min_version": "1.2",
        "timeout": HANDSHAKE_S,
    }
