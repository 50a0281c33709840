"""Certificates: the one place that knows how X.509 is made and read (RFC 5280). Elliptic curve P-256 throughout."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

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

from devices.wire.enrolment import Renewal, to_sign
from server.errors import TrustError

AUTHORITY_LASTS: Final = timedelta(days=20 * 365)  # a gateway lies in a cupboard for years with its fingerprint
CERTIFICATE_LASTS: Final = timedelta(days=90)
BEFORE_NOW: Final = timedelta(minutes=5)  # a broker on another machine may be that slow
# One whose owner had no clock, or no line, may still be renewed for so long.
GRACE: Final = timedelta(days=30)
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


def issue(authority: Authority, csr: str, name: str, now: datetime) -> Issued:
    """For a gateway: of its request nothing is taken but the key."""
    signer = load_pem_private_key(authority.key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey), "made here"
    issuer = _certificate(authority.certificate)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _begun(subject, issuer.subject, _key_asked_for(csr), now, CERTIFICATE_LASTS)
    use = x509.KeyUsage(**(_NO_USE | {"digital_signature": True}))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(use, critical=True)
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = builder.add_extension(client, critical=False)
    known_as = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known_as)
    return read(_pem(builder.add_extension(by, critical=False).sign(signer, SHA256())))


def check(issued: Issued, csr: str, name: str, authority: str) -> None:
    """What another program signed for us. TrustError: it is not what was asked for."""
    certificate = _certificate(issued.pem)
    _must_be_of(certificate, authority)
    if issued.name != name or issued.key != key_of(csr):
        raise TrustError("The authority's program answered with a certificate for another name or key.")
    try:
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    if ExtendedKeyUsageOID.CLIENT_AUTH not in use:
        raise TrustError("The authority's program answered with a certificate that is not for TLS clients.")


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
    return _certificate(certificate).fingerprint(SHA256()).hex()


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
    try:
        signature = base64.b64decode(renewal.signature, validate=True)
        _p256(certificate.public_key()).verify(signature, to_sign(renewal.csr, renewal.at), ECDSA)
    except (InvalidSignature, binascii.Error) as error:
        raise TrustError("Whoever asks has not shown the key of this certificate.") from error
    return old


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC).replace(microsecond=0)
    builder = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - BEFORE_NOW).not_valid_after(now + lasts)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _must_be_of(certificate: x509.Certificate, authority: str) -> None:
    issuer = _certificate(authority)
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError) as error:
        raise TrustError("This certificate is not of our authority.") from error


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
