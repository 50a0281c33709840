"""Who this gateway is: its key, which is made here and never leaves, its certificates, and whom it trusts.

Each file holds one identity whole, so that a power cut leaves the old one or the new one and never a key without its
certificate. `load_cert_chain` reads nothing but files: it gets one in memory, so that the disk has no second copy."""

import binascii
import os
import ssl
from base64 import b64decode
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.wire.enrolment import Birth, EnrolAnswer
from devices.wire.messages import COMMANDS, Proof
from edge.core.trust import Life
from edge.errors import ConfigError, IdentityError
from edge.files import remove, write_whole

CURRENT: Final = "identity.json"
NEXT: Final = "identity-next.json"
CLAIM: Final = "claim.json"
REVOKED: Final = "revoked.json"
NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h

T = TypeVar("T")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`server`: where renewals are asked for. `authority`: PEM, one or more. `mqtt`: the broker's URL. `signs`: the
    server proves its commands."""

    server: str
    authority: str
    gateway: str
    bucket: int
    mqtt: str
    key: str
    certificate: str
    signs: bool = False

    def serial(self) -> str:
        """In hex, as the server says it."""
        return f"{x509.load_pem_x509_certificate(self.certificate.encode()).serial_number:x}"

    def life(self) -> Life:
        certificate = x509.load_pem_x509_certificate(self.certificate.encode())
        return Life(begins=certificate.not_valid_before_utc, ends=certificate.not_valid_after_utc)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway asks for that nobody has accepted yet. The request is kept, because a second one with the same
    code would be another gateway's."""

    birth: Birth
    key: str
    csr: str
    authority: str | None = None
    ticket: str | None = None


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """`issued` None: asked for, perhaps; else not used yet."""

    key: str
    csr: str
    issued: Identity | None = None


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    gateway: str
    at: datetime
    why: str


class IdentityFiles:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def current(self) -> Identity | None:
        return self._read(CURRENT, Identity)

    def next(self) -> Next | None:
        """Not one that is in use already: the power went before its file was gone."""
        found = self._read(NEXT, Next)
        return None if found is None or (found.issued is not None and found.issued == self.current()) else found

    def claim(self) -> Claim | None:
        return self._read(CLAIM, Claim)

    def revoked(self) -> Revoked | None:
        return self._read(REVOKED, Revoked)

    def keep_claim(self, claim: Claim) -> None:
        self._write(CLAIM, claim)

    def begin(self, identity: Identity) -> None:
        """A claim was accepted."""
        self._write(CURRENT, identity)
        for name in (CLAIM, NEXT, REVOKED):
            remove(self._directory / name)

    def keep_next(self, wanted: Next) -> None:
        self._write(NEXT, wanted)

    def use_next(self, issued: Identity) -> None:
        """It has connected."""
        self._write(CURRENT, issued)
        remove(self._directory / NEXT)

    def note_revoked(self, revoked: Revoked) -> None:
        self._write(REVOKED, revoked)

    def _read(self, name: str, kind: type[T]) -> T | None:
        path = self._directory / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read ({error.strerror}): be root, or the gateway's user") from error
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{path} is damaged: remove it, and enrol this gateway again") from error

    def _write(self, name: str, content: msgspec.Struct) -> None:
        write_whole(self._directory / name, msgspec.json.encode(content))


def new_key() -> str:
    """PKCS#8 in PEM; the disk is not encrypted by us, so only its file's mode protects it."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def request(key: str) -> str:
    """The server gives the name, so the one in here says nothing."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hjemvakt-gateway")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(_private(key), hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.PEM).decode()


def signature(key: str, content: bytes) -> bytes:
    return _private(key).sign(content, ec.ECDSA(hashes.SHA256()))


def identity_of(answer: EnrolAnswer, key: str, server: str, trusted: str) -> Identity:
    """What was issued for `key`. IdentityError unless `trusted` vouches for it: a new authority comes beside a known
    one."""
    assert answer.certificate and answer.authority and answer.gateway and answer.bucket is not None and answer.mqtt
    known = set(_certificates(trusted))
    authorities = _certificates(answer.authority)
    if known.isdisjoint(authorities):
        raise IdentityError("the authority of the certificate is none that this gateway knows")
    (certificate, *_) = _certificates(answer.certificate)
    if not any(_is_issued_by(certificate, authority) for authority in authorities):
        raise IdentityError("the certificate is not signed by the server's authority")
    if certificate.public_key() != _private(key).public_key():
        raise IdentityError("the certificate is not for the key of this gateway")
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [answer.gateway]:
        raise IdentityError(f"the certificate is for {', '.join(names)}, not for {answer.gateway}")
    return Identity(
        server=server,
        authority=answer.authority,
        gateway=answer.gateway,
        bucket=answer.bucket,
        mqtt=answer.mqtt,
        key=key,
        certificate=answer.certificate,
        signs=answer.signs,
    )


def believed(proof: Proof, authority: str, now: datetime | None) -> None:
    """IdentityError: whoever says this is not whom `authority` lets speak. `now` None: nobody knows the time."""
    (certificate, *_) = _certificates(proof.certificate)
    if not any(_is_issued_by(certificate, each) for each in _certificates(authority)):
        raise IdentityError("our authority does not vouch for whoever says it")
    if [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] != [COMMANDS]:
        raise IdentityError("whoever says it may not give commands")
    if now is not None and not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise IdentityError("the certificate of whoever says it has ended")
    key = certificate.public_key()
    try:
        assert isinstance(key, ec.EllipticCurvePublicKey), "our authority signs no others"
        key.verify(b64decode(proof.signature, validate=True), proof.to_sign(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error) as error:
        raise IdentityError("it was changed on the way, or never proven") from error


def with_fingerprint(pem: str, sha256: str) -> str | None:
    """The certificate that has it, alone."""
    for certificate in _certificates(pem):
        if certificate.fingerprint(hashes.SHA256()).hex() == sha256:
            return certificate.public_bytes(serialization.Encoding.PEM).decode()
    return None


def trusting(authority: str, *, checks_time: bool, and_the_system: bool = False) -> ssl.SSLContext:
    """For a connection that we open: TLS 1.2 or newer, name and chain checked. A machine whose clock is wrong cannot
    check when certificates end; it would be shut out for good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authority)
    if and_the_system:
        context.load_default_certs()
    if not checks_time:
        context.verify_flags |= NO_CHECK_TIME
    return context


def showing(identity: Identity, *, checks_time: bool) -> ssl.SSLContext:
    """`trusting` the identity's authority alone, and proving who we are."""
    context = trusting(identity.authority, checks_time=checks_time)
    descriptor = os.memfd_create("identity", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(f"{identity.certificate}\n{identity.key}".encode())
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context


def _private(key: str) -> ec.EllipticCurvePrivateKey:
    private = serialization.load_pem_private_key(key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private


def _certificates(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise IdentityError("the server sent something that is no certificate") from error


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
