"""What an identity provider may say of who came, and what is not believed: OpenID Connect Core, 3.1.3.7."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from server.errors import ProviderError
from server.provider import KEYS_AGAIN_AFTER, Pending, Provider, Registration

pytestmark = pytest.mark.integration
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PENDING = Pending(state="s" * 43, nonce="n" * 43, verifier="v" * 43)
CLIENT = "hjemvakt"


@cache
def key(name: str) -> RSAKey:
    """The one that the provider calls so; `"one's double"` calls itself as `"one"` does."""
    return RSAKey.generate_key(2048, {"kid": name.partition("'")[0], "alg": "RS256", "use": "sig"})


@dataclass(kw_only=True)
class Teller:
    """Answers as a provider does, and signs what it is told to."""

    issuer: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [key("one")])
    said: dict[str, Any] = field(default_factory=dict)
    id_token: str = ""

    def claims(self, **other: Any) -> dict[str, Any]:
        now = int(NOW.timestamp())
        right = {"iss": self.issuer, "aud": CLIENT, "sub": "kari", "iat": now, "exp": now + 300, "nonce": PENDING.nonce}
        return {name: value for name, value in (right | other).items() if value is not None}

    def signs(self, *, by: RSAKey | None = None, **other: Any) -> None:
        by = by or self.keys[0]
        self.id_token = jwt.encode({"alg": "RS256", "kid": by.kid}, self.claims(**other), by)

    def answer(self, path: str) -> Any:
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.said,
            },
            "/keys": KeySet(self.keys).as_dict(private=False),  # type: ignore[arg-type]
            "/token": {"access_token": "a", "token_type": "Bearer", "id_token": self.id_token},
        }[path]


@pytest.fixture
def teller() -> Iterator[Teller]:
    telling = Teller()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(telling.answer(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        telling.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield telling
        server.shutdown()
        thread.join()


@pytest.fixture
def provider(teller) -> Provider:
    return Provider(Registration(issuer=teller.issuer, client_id=CLIENT, public_url="http://127.0.0.1:1"))


def who(provider: Provider, at: datetime = NOW) -> str:
    return provider.who_came("code", None, PENDING, at)


def test_what_is_right_is_believed(provider, teller):
    teller.signs()
    assert who(provider) == "kari"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another program of the town hall"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"aud": None},
        {"nonce": "another login's"},
        {"nonce": None},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"iat": int(NOW.timestamp()) + 61},
        {"sub": None},
        {"sub": ""},
        {"sub": "k" * 256},
        {"sub": 7},
    ],
    ids=str,
)
def test_what_is_said_of_another_login_is_not_believed(provider, teller, wrong):
    teller.signs(**wrong)
    with pytest.raises(ProviderError):
        who(provider)


def test_who_signs_with_another_key_is_not_believed(provider, teller):
    teller.signs(by=key("one's double"))
    with pytest.raises(ProviderError):
        who(provider)


def test_nothing_unsigned_and_nothing_signed_by_what_everybody_knows_is_believed(provider, teller):
    """RFC 8725, 2.1: `none`, and the public key as if it were a secret."""
    public = teller.keys[0].as_pem(private=False)
    for header, mac in (({"alg": "none"}, None), ({"alg": "HS256", "kid": "one"}, "sha256")):
        signed = b".".join(_encoded(json.dumps(part).encode()) for part in (header, teller.claims()))
        signature = b"" if mac is None else _encoded(hmac.digest(public, signed, mac))
        teller.id_token = (signed + b"." + signature).decode()
        with pytest.raises(ProviderError, match="does not hold"):
            who(provider)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def test_a_new_key_of_the_provider_is_fetched(provider, teller):
    teller.signs()
    who(provider)
    teller.keys.insert(0, key("two"))
    teller.signs()
    assert who(provider, NOW + KEYS_AGAIN_AFTER) == "kari"


@pytest.mark.parametrize("where", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_nothing_is_fetched_or_sent_in_the_open(provider, teller, where):
    teller.said = {where: "http://id.elsewhere.example/x"}
    with pytest.raises(ProviderError, match="no https address"):
        who(provider)
