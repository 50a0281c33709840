"""Orders with a proof, what gateways say of them, and what they hand in: read for ever, and by those that know less."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.errors import WireError
from devices.wire import diagnosis
from devices.wire.codec import decode_command, decode_config, decode_status, encode, unknown_fields
from devices.wire.enrolment import decode_answer
from devices.wire.messages import Answer, Command, GatewayConfig, Status, Upgrade, UpgradeState

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


class OldCommand(msgspec.Struct, frozen=True, kw_only=True):
    """As gateways of version 0.1 read it."""

    v: int
    gateway: str
    command: str
    id: str | None = None
    at: int | None = None
    until: int | None = None


def test_a_command_with_a_proof_is_read_for_ever_and_the_proof_holds_the_same() -> None:
    said = decode_command(golden("v1_command_proven"))
    assert said.proof is not None
    inner = decode_command(said.proof.content.encode())
    assert inner == msgspec.structs.replace(said, proof=None)
    assert (inner.command, inner.number, inner.run) == ("restart", 1735732860000001, "fedcba9876543210")
    assert said.proof.to_sign() == b"hjemvakt command 1\n" + said.proof.content.encode()
    assert unknown_fields(golden("v1_command_proven"), Command) == 0


def test_a_gateway_that_knows_no_proofs_reads_what_is_said_beside_it() -> None:
    said = msgspec.json.decode(golden("v1_command_proven"), type=OldCommand)
    assert (said.gateway, said.command, said.until) == ("hjem-3f2a", "restart", 1735733460000)


def test_a_wish_for_a_version_is_read_for_ever() -> None:
    assert decode_command(golden("v1_command_upgrade")).version == "0.9.1+deb12"


@pytest.mark.parametrize("version", ["1.0; reboot", "-o Dir=/", "1.0\n", "", "1:1.0", "1/2", "1" * 41, "a1"])
def test_a_version_is_nothing_but_a_version(version: str) -> None:
    with pytest.raises(WireError):
        encode(Command(gateway="hjem-3f2a", command="upgrade", version=version))


def test_what_a_gateway_answers_is_read_for_ever() -> None:
    said = decode_status(golden("v1_status_orders"))
    assert said.answers == [
        Answer(id="00112233445566cc"),
        Answer(id="00112233445566dd", refused=True, why="nobody installs anything here"),
    ]
    assert said.orders
    why = "E: Version '0.9.1+deb12' for 'hjemvakt-gateway' was not found"
    assert said.upgrade == Upgrade(version="0.9.1+deb12", state=UpgradeState.FAILED, why=why)
    assert unknown_fields(golden("v1_status_orders"), Status) == 0


def test_how_often_a_gateway_says_a_word_is_read_for_ever() -> None:
    assert decode_config(golden("v1_config_heartbeat")).heartbeat_s == 10
    assert unknown_fields(golden("v1_config_heartbeat"), GatewayConfig) == 0
    assert decode_config(golden("v1_config")).heartbeat_s is None


def test_an_older_gateway_takes_no_orders() -> None:
    assert not decode_status(golden("v1_status")).orders


def test_a_diagnosis_is_read_for_ever() -> None:
    said = diagnosis.decode(golden("v1_diagnosis"))
    assert (said.model, said.load_percent) == ("Raspberry Pi 4 Model B Rev 1.5", 12)
    assert [(line.said, line.times, line.error) for line in said.log] == [("%s %s", 3, ""), ("", 1, "BleakError")]
    handed = diagnosis.decode_handed(golden("v1_handed"))
    assert diagnosis.decode(handed.content.encode()) == said


def test_what_a_server_does_not_know_of_a_diagnosis_it_does_not_keep() -> None:
    newer: dict[str, Any] = msgspec.json.decode(golden("v1_diagnosis")) | {"patient": "Olaug"}
    kept = diagnosis.encode(diagnosis.decode(msgspec.json.encode(newer)))
    assert b"Olaug" not in kept


def test_a_diagnosis_has_a_bound() -> None:
    with pytest.raises(WireError, match="at most"):
        diagnosis.decode(b" " * (diagnosis.MAX_BYTES + 1))


def test_two_authorities_and_that_a_server_proves_its_commands_are_read_for_ever() -> None:
    answer = decode_answer(golden("v1_enrol_issued_signs"))
    assert answer.signs and answer.authority is not None
    assert answer.authority.count("BEGIN CERTIFICATE") == 2
    assert not decode_answer(golden("v1_enrol_issued")).signs, "an older server does not say so"
