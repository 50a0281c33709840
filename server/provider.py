"""The identity provider of OpenID Connect, through authlib: where it is asked, and who it says has come.

Authorization code with PKCE (S256). What the provider says of itself is kept for an hour; its keys are fetched again
when it signs with one that is not known yet.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from server.config import is_guarded
from server.errors import ProviderError

WAIT_S: Final = 5.0
KEPT: Final = timedelta(hours=1)
KEYS_AGAIN_AFTER: Final = timedelta(minutes=1)
CLOCKS_DIFFER_S: Final = 60
SAID_MAX_BYTES: Final = 262_144
# Asymmetric ones: whoever knows our secret must not be able to sign.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
DISCOVERY: Final = "/.well-known/openid-configuration"
NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What we are to the provider. `client_secret` None: a public client, which PKCE alone protects."""

    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    public_url: str
    name: str = "OpenID Connect"
    """What the login calls it."""

    @property
    def callback(self) -> str:
        return f"{self.public_url.rstrip('/')}/api/v1/oidc/callback"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    said: Mapping[str, Any]
    keys: KeySet
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """What only the browser that began knows, until the provider sends it back."""

    state: str
    nonce: str
    verifier: str


class Provider:
    def __init__(self, registration: Registration) -> None:
        self._ours = registration
        self._lock = threading.Lock()
        self._known: _Known | None = None

    @property
    def name(self) -> str:
        return self._ours.name

    @property
    def issuer(self) -> str:
        return self._ours.issuer

    def asks(self, pending: Pending, now: datetime) -> str:
        """Where the browser goes to say who it is."""
        endpoint = self._provider(now).said["authorization_endpoint"]
        with self._session({}) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=pending.state, nonce=pending.nonce, code_verifier=pending.verifier
            )
        return str(url)

    def who_came(self, code: str, issuer: str | None, pending: Pending, now: datetime) -> str:
        """The subject: the provider's own name for whoever it is. `issuer`: whose answer it says to be (RFC 9207)."""
        said = self._provider(now).said
        if issuer != self._ours.issuer and (issuer or said.get("authorization_response_iss_parameter_supported")):
            raise ProviderError("This is the answer of another identity provider.")
        try:
            with self._session(said) as session:
                token = session.fetch_token(
                    said["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=pending.verifier
                )
        except (OAuthError, requests.RequestException, ValueError) as error:
            raise ProviderError(f"The identity provider gives nothing for the code: {error}.") from error
        return self._subject(token, pending, now)

    def farewell(self, now: datetime) -> str | None:
        """Where the browser ends the provider's own session; None: it has no such page."""
        endpoint = self._provider(now).said.get("end_session_endpoint")
        if not isinstance(endpoint, str) or not is_guarded(endpoint):
            return None
        back = {"client_id": self._ours.client_id, "post_logout_redirect_uri": self._ours.public_url.rstrip("/") + "/"}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(back)}"

    def _subject(self, token: Mapping[str, Any], pending: Pending, now: datetime) -> str:
        try:
            signed = self._opened(str(token.get("id_token") or ""), now)
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                options={"iss": {"value": self._ours.issuer}, "aud": {"value": self._ours.client_id}},
                params={
                    "nonce": pending.nonce,
                    "client_id": self._ours.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(now.timestamp()), leeway=CLOCKS_DIFFER_S)
        except (JoseError, ValueError) as error:
            raise ProviderError(f"What the identity provider says of who came does not hold: {error}.") from error
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:  # OpenID Connect Core, 2
            raise ProviderError("The identity provider does not name who came.")
        return subject

    def _opened(self, id_token: str, now: datetime) -> jwt.Token:
        known = self._provider(now)
        try:
            return jwt.decode(id_token, known.keys, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            if now - known.at < KEYS_AGAIN_AFTER:
                raise
        return jwt.decode(id_token, self._provider(now, fresh=True).keys, algorithms=list(ALGORITHMS))

    def _provider(self, now: datetime, *, fresh: bool = False) -> _Known:
        with self._lock:
            if fresh or self._known is None or now - self._known.at >= KEPT:
                self._known = self._discovered(now)
            return self._known

    def _discovered(self, now: datetime) -> _Known:
        said = _fetched(self._ours.issuer.rstrip("/") + DISCOVERY)
        if said.get("issuer") != self._ours.issuer:
            raise ProviderError(f"The identity provider calls itself {said.get('issuer')!r}: set oidc_issuer to that.")
        for name in NEEDED:
            if not isinstance(said.get(name), str) or not is_guarded(said[name]):
                raise ProviderError(f"The identity provider's {name} is no https address.")
        try:
            keys = KeySet.import_key_set(_fetched(said["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise ProviderError("The identity provider's keys cannot be read.") from error
        return _Known(said=said, keys=keys, at=now)

    def _session(self, said: Mapping[str, Any]) -> OAuth2Session:
        """By a secret in the header unless the provider takes it in the body only."""
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return OAuth2Session(
            self._ours.client_id,
            self._ours.client_secret,
            token_endpoint_auth_method=method if self._ours.client_secret else "none",
            scope="openid",
            redirect_uri=self._ours.callback,
            code_challenge_method="S256",
            default_timeout=WAIT_S,
        )


def _fetched(url: str) -> dict[str, Any]:
    try:
        with requests.get(url, timeout=WAIT_S, stream=True, allow_redirects=False) as answer:
            answer.raise_for_status()
            body = answer.raw.read(SAID_MAX_BYTES + 1, decode_content=True)
        said = json.loads(body) if len(body) <= SAID_MAX_BYTES else None
    except (requests.RequestException, ValueError, OSError) as error:
        raise ProviderError(f"The identity provider does not answer at {url}: {error}.") from error
    if not isinstance(said, dict):
        raise ProviderError(f"The identity provider says nothing that can be read at {url}.")
    return said
