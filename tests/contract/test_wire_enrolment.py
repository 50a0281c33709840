"""What stands on a box in a cupboard must be understood for ever. `openssl` made the certificates and the signature."""

import base64
import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from devices.errors import WireError
from devices.wire import enrolment
from devices.wire.enrolment import Birth, EnrolAnswer, EnrolRequest, State, TicketQuestion

GOLDEN = Path(__file__).parent / "golden"
TICKET = "0123456789abcdef0123456789abcdef"
# `openssl x509 -outform DER | sha256sum` of the authority in v1_enrol_issued.
AUTHORITY = "5cf041ca550da6d2230e4e5acd9976e2f6998547f59476ccb064b227889994eb"
BIRTH = Birth(server="https://hjemvakt.kommune.example", authority=AUTHORITY, code="7K3M-9TQZ-2WXB")


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def changed(name: str, **fields: object) -> bytes:
    return json.dumps({**json.loads(golden(name)), **fields}).encode()


def test_a_birth_file_of_version_1_is_read_for_ever() -> None:
    assert enrolment.decode_birth(golden("v1_birth")) == BIRTH


def test_a_phone_opens_the_page_of_the_technician_with_the_code_on_the_box() -> None:
    text = f"https://hjemvakt.kommune.example/montering#1.7K3M-9TQZ-2WXB.{AUTHORITY}"
    assert enrolment.qr_text(BIRTH) == text
    assert enrolment.decode_birth(text.encode() + b"\n") == BIRTH


@pytest.mark.parametrize(
    "text",
    [
        f"https://hjemvakt.kommune.example/montering#2.7K3M-9TQZ-2WXB.{AUTHORITY}",
        f"https://hjemvakt.kommune.example/montering#1.7K3M-9TQZ-2WXA.{AUTHORITY}",
        "https://hjemvakt.kommune.example/montering#1.7K3M-9TQZ-2WXB.abcd",
        f"https://hjemvakt.kommune.example/#1.7K3M-9TQZ-2WXB.{AUTHORITY}",
    ],
)
def test_a_text_that_is_no_birth_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        enrolment.decode_birth(text.encode())


@pytest.mark.parametrize(
    "server",
    ["hjemvakt.example", "https://", "https://a:0", "https://a:99999", "https://a/b", "https://u@a", "https://a\n"],
)
def test_a_birth_without_the_address_of_a_server_is_refused(server: str) -> None:
    with pytest.raises(WireError):
        enrolment.decode_birth(changed("v1_birth", server=server))


def test_an_enrolment_request_of_version_1_is_read_for_ever() -> None:
    request = enrolment.decode_request(golden("v1_enrol_request"))
    assert (request.code, request.model, request.version) == (BIRTH.code, "Raspberry Pi 4 Model B Rev 1.4", "0.1.0")
    assert x509.load_pem_x509_csr(request.csr.encode()).is_signature_valid


def test_answers_of_version_1_are_read_for_ever() -> None:
    assert enrolment.decode_ticket(golden("v1_enrol_ticket")) == TicketQuestion(ticket=TICKET)
    waiting = EnrolAnswer(state=State.WAITING, ticket=TICKET, again_s=5)
    assert enrolment.decode_answer(golden("v1_enrol_waiting")) == waiting
    refused = EnrolAnswer(state=State.REFUSED, why="The box belongs to somebody else.")
    assert enrolment.decode_answer(golden("v1_enrol_refused")) == refused
    assert enrolment.decode_answer(golden("v1_enrol_revoked")) == EnrolAnswer(state=State.REVOKED)
    issued = enrolment.decode_answer(golden("v1_enrol_issued"))
    assert (issued.state, issued.gateway, issued.bucket) == (State.ISSUED, "hjem-3f2a", 17)
    assert (issued.mqtt, issued.at) == ("mqtts://hjemvakt.kommune.example:8883", 1_735_732_800_000)
    assert issued.certificate is not None and issued.authority is not None
    authority = x509.load_pem_x509_certificate(issued.authority.encode())
    assert authority.fingerprint(SHA256()).hex() == AUTHORITY


def test_a_renewal_of_version_1_is_read_for_ever_and_openssl_signed_what_is_to_be_signed() -> None:
    renewal = enrolment.decode_renewal(golden("v1_renewal"))
    key = x509.load_pem_x509_certificate(renewal.certificate.encode()).public_key()
    assert isinstance(key, EllipticCurvePublicKey)
    signature = base64.b64decode(renewal.signature)
    key.verify(signature, enrolment.to_sign(renewal.csr, renewal.at), ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, enrolment.to_sign(renewal.csr, renewal.at + 1), ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("7k3m9tqz2wxb", "7K3M-9TQZ-2WXB"),
        (" 7K3M 9TQZ 2WXB ", "7K3M-9TQZ-2WXB"),
        ("oiL0-1111-2222", "0110-1111-2222"),  # Crockford: O is 0, I and L are 1
    ],
)
def test_a_code_is_understood_as_people_type_it(typed: str, code: str) -> None:
    assert enrolment.code_of(typed) == code


@pytest.mark.parametrize("typed", ["", "7K3M-9TQZ-2WX", "7K3M-9TQZ-2WXBB", "7K3M-9TQZ-2WXU", "7K3M-9TQZ-2WXÅ"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(WireError):
        enrolment.code_of(typed)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("v1_enrol_request", {"v": 2}),
        ("v1_enrol_request", {"code": "7k3m-9tqz-2wxb"}),
        ("v1_enrol_request", {"code": "7K3M-9TQZ-2WXB\n"}),
        ("v1_enrol_request", {"csr": "-----BEGIN CERTIFICATE-----\n"}),
        ("v1_enrol_request", {"csr": "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 5000}),
        ("v1_enrol_request", {"model": "a\nb"}),
        ("v1_enrol_request", {"more": "A" * 20_000}),
    ],
)
def test_a_request_that_breaks_the_contract_is_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(WireError):
        enrolment.decode_request(changed(name, **wrong))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("v1_enrol_issued", {"certificate": None}),
        ("v1_enrol_issued", {"at": 0}),
        ("v1_enrol_issued", {"bucket": 64}),
        ("v1_enrol_issued", {"gateway": "hjem-3f2a\n"}),
        ("v1_enrol_issued", {"gateway": "../etc"}),
        ("v1_enrol_issued", {"mqtt": "https://a"}),
        ("v1_enrol_issued", {"state": "refused", "why": "no"}),
        ("v1_enrol_waiting", {"again_s": None}),
        ("v1_enrol_refused", {"why": ""}),
        ("v1_enrol_refused", {"state": "perhaps"}),
    ],
)
def test_an_answer_that_breaks_the_contract_is_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(WireError):
        enrolment.decode_answer(changed(name, **wrong))


def test_fields_of_a_newer_server_are_ignored() -> None:
    assert enrolment.decode_answer(changed("v1_enrol_revoked", newer=1)) == EnrolAnswer(state=State.REVOKED)


def test_nothing_leaves_that_the_other_side_would_refuse() -> None:
    request = EnrolRequest(code="7K3M-9TQZ-2WXB", csr="-----BEGIN CERTIFICATE REQUEST-----\n", model="a", version="1")
    assert enrolment.decode_request(enrolment.encode(request)) == request
    with pytest.raises(WireError):
        enrolment.encode(EnrolRequest(code="no code", csr=request.csr))
    with pytest.raises(WireError):
        enrolment.encode(EnrolAnswer(state=State.ISSUED))
