"""Certificates: the one place that knows how X.509 is made and read (RFC 5280). Elliptic curve P-256 throughout."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devices.wire import diagnosis
from devices.wire.diagnosis import Handed
from devices.wire.enrolment import Renewal, to_sign
from server.errors import TrustError

AUTHORITY_LASTS: Final = timedelta(days=20 * 365)  # a gateway lies in a cupboard for years with its fingerprint
CERTIFICATE_LASTS: Final = timedelta(days=90)
BEFORE_NOW: Final = timedelta(minutes=5)  # a broker on another machine may be that slow
# One whose owner had no clock, or no line, may still be renewed for so long.
GRACE: Final = timedelta(days=30)
# A broker with a list that is over lets nobody in: so it outlives a clock role that is down for long.
LIST_LASTS: Final = timedelta(days=60)
ECDSA: Final = ec.ECDSA(SHA256())
_NO_USE: Final = dict.fromkeys(
    (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ),
    False,
)


E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    certificate: str
    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Issued:
    """`serial`: hex digits in small letters, as many as there are. `key`: as of `key_of`."""

    pem: str
    serial: str
    name: str
    key: str
    not_before: datetime
    not_after: datetime


def make_authority(name: str, now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _begun(subject, subject, key.public_key(), now, AUTHORITY_LASTS)
    use = x509.KeyUsage(**(_NO_USE | {"key_cert_sign": True, "crl_sign": True}))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(use, critical=True)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Authority(certificate=_pem(builder.sign(key, SHA256())), key=sealed.decode())


def issue(authority: Authority, csr: str, name: str, now: datetime, hosts: Sequence[str] = ()) -> Issued:
    """For a TLS client; with `hosts`, for a server that is called so. Of the request nothing is taken but the key."""
    signer = _signer(authority)
    issuer = _certificate(authority.certificate)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _begun(subject, issuer.subject, _key_asked_for(csr), now, CERTIFICATE_LASTS)
    use = x509.KeyUsage(**(_NO_USE | {"digital_signature": True}))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(use, critical=True)
    roles = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []  # who starts a broker greets it as a client, too
    roles.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = builder.add_extension(x509.ExtendedKeyUsage(roles), critical=False)
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False)
    known_as = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known_as)
    return read(_pem(builder.add_extension(by, critical=False).sign(signer, SHA256())))


def revocation_list(authority: Authority, serials: Iterable[str], now: datetime) -> str:
    """PEM, for a broker that asks nobody. What was signed and is not in it is good, until its own end."""
    now = now.astimezone(UTC).replace(microsecond=0)
    issuer = _certificate(authority.certificate)
    builder = x509.CertificateRevocationListBuilder(issuer_name=issuer.subject)
    builder = builder.last_update(now - BEFORE_NOW).next_update(now + LIST_LASTS)
    for serial in serials:
        gone = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now)
        builder = builder.add_revoked_certificate(gone.build())
    return builder.sign(_signer(authority), SHA256()).public_bytes(Encoding.PEM).decode()


def new_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def request(key: str) -> str:
    """Whoever signs it gives the name."""
    private = load_pem_private_key(key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey), "made here"
    return (
        x509.CertificateSigningRequestBuilder(x509.Name([])).sign(private, SHA256()).public_bytes(Encoding.PEM).decode()
    )


def sign(key: str, content: bytes) -> str:
    """Base64 of the DER of an ECDSA signature."""
    private = load_pem_private_key(key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey), "made here"
    return base64.b64encode(private.sign(content, ECDSA)).decode()


def check(issued: Issued, csr: str, name: str, authority: str, hosts: Sequence[str] = ()) -> None:
    """What another program signed for us. TrustError: it is not what was asked for."""
    certificate = _certificate(issued.pem)
    try:
        _must_be_of(certificate, authority)
    except TrustError as error:
        raise TrustError("The authority's program answered with a certificate of another authority.") from error
    if issued.name != name or issued.key != key_of(csr):
        raise TrustError("The authority's program answered with a certificate for another name or key.")
    role = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    use = _extension(certificate, x509.ExtendedKeyUsage)
    if use is None or role not in use:
        whom = "TLS servers" if hosts else "TLS clients"
        raise TrustError(f"The authority's program answered with a certificate that is not for {whom}.")
    called = _extension(certificate, x509.SubjectAlternativeName)
    if hosts and (called is None or any(_host(each) not in called for each in hosts)):
        raise TrustError("The authority's program answered with a certificate that does not name this server.")


def read(pem: str) -> Issued:
    certificate = _certificate(pem)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise TrustError("This certificate does not say whose it is.")
    return Issued(
        pem=_pem(certificate),
        serial=f"{certificate.serial_number:x}",
        name=str(names[0].value),
        key=_digest(_p256(certificate.public_key())),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def key_of(csr: str) -> str:
    """SHA-256 of the public key (SubjectPublicKeyInfo) in hex. TrustError: the request is none, or not signed by it."""
    return _digest(_key_asked_for(csr))


def fingerprint(certificate: str) -> str:
    """Of the first one."""
    return _certificate(certificate).fingerprint(SHA256()).hex()


def each_of(certificates: str) -> list[str]:
    """One PEM for each, in their order."""
    return [_pem(each) for each in _certificates(certificates)]


def fingerprints(certificates: str) -> list[str]:
    return [each.fingerprint(SHA256()).hex() for each in _certificates(certificates)]


def proven(renewal: Renewal, authority: str, now: datetime) -> Issued:
    """The certificate that is renewed, by whoever has its key. TrustError: why not. Whether it was revoked, and whether
    this was asked before, the database knows."""
    old = read(renewal.certificate)
    certificate = _certificate(renewal.certificate)
    _must_be_of(certificate, authority)
    if now > old.not_after + GRACE:
        raise TrustError(f"This certificate ended on {old.not_after:%Y-%m-%d}: enrol this gateway anew.")
    if key_of(renewal.csr) == old.key:
        raise TrustError("A new certificate needs a new key.")
    _must_have_signed(certificate, renewal.signature, to_sign(renewal.csr, renewal.at))
    return old


def handed_in(handed: Handed, authority: str, now: datetime) -> Issued:
    """The certificate of whoever hands this in, who has its key. TrustError: why not."""
    certificate, mine = _certificate(handed.certificate), read(handed.certificate)
    _must_be_of(certificate, authority)
    if now > mine.not_after:
        raise TrustError(f"This certificate ended on {mine.not_after:%Y-%m-%d}: renew it first.")
    _must_have_signed(certificate, handed.signature, diagnosis.to_sign(handed.content))
    return mine


def _signer(authority: Authority) -> ec.EllipticCurvePrivateKey:
    signer = load_pem_private_key(authority.key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey), "made here"
    return signer


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - BEFORE_NOW).not_valid_after(now + lasts)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _must_be_of(certificate: x509.Certificate, authorities: str) -> None:
    """Of one of them."""
    for issuer in _certificates(authorities):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):
            continue
        return
    raise TrustError("This certificate is not of our authority.")


def _must_have_signed(certificate: x509.Certificate, signature: str, content: bytes) -> None:
    try:
        _p256(certificate.public_key()).verify(base64.b64decode(signature, validate=True), content, ECDSA)
    except (InvalidSignature, binascii.Error) as error:
        raise TrustError("Whoever asks has not shown the key of this certificate.") from error


def _certificates(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise TrustError("This is no certificate.") from error


def _certificate(pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, TypeError) as error:
        raise TrustError("This is no certificate.") from error


def _key_asked_for(csr: str) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = _p256(request.public_key())
        if not request.is_signature_valid:
            raise TrustError("This request was not signed with its own key.")
    except (ValueError, TypeError, x509.InvalidVersion, InvalidSignature) as error:
        raise TrustError("This is no certificate request.") from error
    return key


def _p256(key: object) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TrustError("The key must be an elliptic curve key on P-256.")
    return key


def _digest(key: ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
