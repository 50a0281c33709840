"""Alerts leave the house: against a real mail server, and receivers that act as push service and SMS gateway."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from server.alerts import lifecycle
from server.alerts.model import Change
from server.config import Config
from server.store import alerts
from server.ways.carrier import Carrier, carrier
from server.ways.encryption import from_base64url
from tests.integration.monitor_rig import await_true
from tests.integration.ways_rig import (
    Outside,
    claims,
    decrypt,
    mail_server,
    make_trust,
    receiver,
)

pytestmark = pytest.mark.integration

PUBLIC = "https://hjemvakt.kommune.example"
SECRET = "hemmelig-passord"
NAMES = ("anna", "arne", "berta", "Storgata", "spo2", "82")


def build(tmp_path: Path, push: int, sms: int, mail: int) -> Carrier:
    return carrier(
        Config(
            data=tmp_path,
            public_url=PUBLIC,
            push_contact="mailto:drift@kommune.example",
            push_hosts=f"localhost:{push}",
            sms_url=f"json://user:{SECRET}@127.0.0.1:{sms}/send?:to={{to}}&+Idempotency-Key={{id}}",
            mail_url=f"smtp://127.0.0.1:{mail}?from=hjemvakt@kommune.example",
        )
    )


@pytest.fixture
def outside(town: Any, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    tls, trusted = make_trust(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with ExitStack() as stack:
        push, sms = stack.enter_context(receiver(tls)), stack.enter_context(receiver())
        mail = stack.enter_context(mail_server(tls, free_port))
        made = Outside(
            town=town, carrier=build(tmp_path, push.port, sms.port, mail.port), push=push, sms=sms, mail=mail
        )
        stack.callback(made.stop)
        yield made


def soon_the_next_way(outside: Outside) -> None:
    """A minute has gone by without a receipt."""
    outside.town.sql(
        "update notice set due_at = due_at - interval '61 s', next_at = next_at - interval '61 s',"
        " made_at = made_at - interval '61 s', sent_at = sent_at - interval '61 s'"
    )


def test_a_push_is_read_by_the_browser_alone_and_says_no_name(outside: Outside) -> None:
    outside.add("kari", "push")
    alert = outside.town.desaturate("anna", datetime.now(UTC))
    outside.call(alert, "kari")
    outside.start()
    await_true(lambda: outside.states() == [("push", "sent")])
    (request,) = outside.push.got
    said = json.loads(decrypt(request.body))
    assert said["text"] == "Rødt varsel i Hjemvakt. Åpne tavlen."
    assert said["link"] == f"{PUBLIC}/varsel/{alert}"
    assert not any(name in json.dumps(said) + str(request.headers) for name in NAMES)
    assert request.headers["Urgency"] == "high" and int(request.headers["TTL"]) > 0
    assert request.headers["Topic"] == f"alert-{alert}" and request.headers["Content-Encoding"] == "aes128gcm"
    assert outside.carrier.identity is not None
    token = claims(request.headers["Authorization"], outside.carrier.identity.public_key)
    assert token["aud"] == f"https://localhost:{outside.push.port}" and token["sub"] == "mailto:drift@kommune.example"
    assert 0 < token["exp"] - datetime.now(UTC).timestamp() <= 24 * 3600
    assert outside.town.one("select provider_id from notice") == "/m/1"


def test_the_browser_of_these_tests_reads_the_standards_own_message() -> None:
    """RFC 8291, section 5."""
    sent = (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_"
        "yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert decrypt(from_base64url(sent)) == b"When I grow up, I want to be a watermelon"


def test_without_a_receipt_sms_and_then_mail_follow_in_the_members_language(outside: Outside) -> None:
    for way in ("push", "sms", "email"):
        outside.add("kari", way, language="en")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, "kari")
    outside.start()
    await_true(lambda: outside.states() == [("push", "sent"), ("sms", "waiting"), ("email", "waiting")])
    soon_the_next_way(outside)
    await_true(lambda: outside.states()[1] == ("sms", "sent"))
    assert outside.states()[2] == ("email", "waiting")
    soon_the_next_way(outside)
    await_true(lambda: outside.states()[2] == ("email", "sent"))
    sentence = f"Red alert in Hjemvakt. Open the board: {PUBLIC}/varsel/{alert}"
    (sms,) = outside.sms.got
    assert json.loads(sms.body)["message"] == sentence and json.loads(sms.body)["to"] == "+4790000001"
    (letter,) = outside.mail.letters
    assert letter.rcpt_tos == ["kari@example.org"]
    mail = message_from_bytes(letter.content or b"", policy=policy.default)  # type: ignore[arg-type]
    assert mail["Subject"] == "Red alert in Hjemvakt. Open the board."
    assert mail.get_content().strip() == sentence
    assert not any(name in letter.content.decode() for name in NAMES if name != "82")  # type: ignore[union-attr]


def test_a_number_in_the_chain_hears_it_in_norwegian(outside: Outside) -> None:
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, phone="+4790000009")
    outside.start()
    await_true(lambda: outside.states() == [("sms", "sent")])
    said = json.loads(outside.sms.got[0].body)
    assert (said["to"], said["message"]) == (
        "+4790000009",
        f"Rødt varsel i Hjemvakt. Åpne tavlen: {PUBLIC}/varsel/{alert}",
    )


def test_whoever_saw_it_on_a_screen_is_not_called_on_the_next_way(outside: Outside) -> None:
    for way in ("push", "sms"):
        outside.add("kari", way)
        outside.add("ola", way, None if way == "push" else "+4790000002")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, "kari", "ola")
    outside.town.sql("insert into alert_seen values (%s, 'screen', %s, now())", alert, outside.town.staff["kari"])
    outside.start()
    await_true(lambda: ("push", "sent") in outside.states() and ("sms", "seen") in outside.states())
    soon_the_next_way(outside)
    await_true(lambda: ("sms", "sent") in outside.states())
    assert [json.loads(each.body)["to"] for each in outside.sms.got] == ["+4790000002"]


def test_what_somebody_acknowledged_meanwhile_is_not_sent_any_more(outside: Outside) -> None:
    outside.add("kari", "push")
    outside.add("kari", "sms")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, "kari")
    outside.start()
    await_true(lambda: outside.states()[0] == ("push", "sent"))
    acknowledge(outside, alert, "ola")
    soon_the_next_way(outside)
    await_true(lambda: outside.states() == [("push", "over"), ("sms", "over")])
    assert outside.sms.got == []


def acknowledge(outside: Outside, alert: int, login: str) -> None:
    with outside.town.connection() as conn:
        held = alerts.hold_alert(conn, alert)
        assert held is not None
        change = lifecycle.acknowledge(held, held.rev, outside.town.staff[login], datetime.now(UTC))
        assert isinstance(change, Change)
        alerts.apply(conn, [change], datetime.now(UTC))


def test_a_call_of_before_a_release_is_not_the_call_after_it(outside: Outside) -> None:
    outside.add("kari", "sms")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    acknowledge(outside, alert, "ola")
    outside.call(alert, "kari", step=1)
    outside.start()
    await_true(lambda: outside.states() == [("sms", "sent")])


def test_a_browser_that_is_gone_is_never_called_again_and_everybody_concerned_hears_of_it(outside: Outside) -> None:
    way = outside.add("kari", "push")
    outside.add("kari", "sms")
    outside.push.answer(410)
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, "kari")
    outside.start()
    await_true(lambda: len(outside.sms.got) == 2)
    said = sorted(json.loads(each.body)["message"] for each in outside.sms.got)
    assert said[0].startswith("Hjemvakt når deg ikke lenger med push")
    assert said[1].startswith("Rødt varsel"), "the next way does not wait for its minute"
    assert outside.states()[0] == ("push", "dead")
    assert outside.town.one("select broken_why from staff_way where id = %s", way) == (
        "the push service answered 410: the browser does not listen any more"
    )
    rule, priority, team, evidence = outside.town.sql(
        "select rule, priority, team_id, evidence from alert where rule like 'technical:%%'"
    )[0]
    assert (rule, priority, team) == ("technical:not_reached", "grey", outside.town.teams["east"])
    assert evidence["numbers"]["calls"] == 1 and "410" in evidence["cause"]
    outside.call(alert, "kari", step=1)
    await_true(lambda: outside.town.one("select count(*) from notice where step = 1") == 1)
    assert len(outside.push.got) == 1


@pytest.mark.parametrize("status", [500, 503, 429, 403])
def test_a_service_in_trouble_is_tried_again_and_the_next_way_at_once(outside: Outside, status: int) -> None:
    outside.add("kari", "push")
    outside.add("kari", "sms")
    outside.push.answer(status)
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.start()
    await_true(lambda: ("sms", "sent") in outside.states())
    tries, fault, wait = outside.town.sql(
        "select tries, fault, extract(epoch from next_at - now())::float8 from notice where way = 'push'"
    )[0]
    assert (tries, fault) == (1, f"the push service answered {status}") and 0 < wait <= 6.25
    outside.town.sql("update notice set next_at = now() where way = 'push'")
    await_true(lambda: ("push", "sent") in outside.states())
    assert len(outside.push.got) == 2


def test_a_service_asks_for_time_and_gets_it(outside: Outside) -> None:
    outside.add("kari", "push")
    outside.push.answer(429, Retry_After="120")
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.start()
    await_true(lambda: outside.town.one("select fault from notice") != "")
    assert 110 < outside.town.one("select extract(epoch from next_at - now())::float8 from notice") <= 120


def test_a_slow_provider_holds_up_nobody_else(outside: Outside) -> None:
    outside.push.held.clear()
    for login in ("kari", "ola", "rune"):
        outside.add(login, "push")
        outside.add(login, "push", f"https://localhost:{outside.push.port}/other/{login}")
    outside.add("tor", "sms")
    outside.add("tor", "email")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    outside.call(alert, "kari", "ola", "rune")
    outside.start()
    await_true(lambda: len(outside.push.got) == 4)
    outside.call(alert, "tor")
    await_true(lambda: ("sms", "sent") in outside.states())
    assert len(outside.push.got) == 4, "not more at once than its threads"
    outside.push.held.set()
    await_true(lambda: [state for way, state in outside.states() if way == "push"] == ["sent"] * 6)


def test_nothing_listens_there(outside: Outside, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outside.add("kari", "push", f"https://localhost:{port}/send/kari")
    sender = Carrier(
        public_url=PUBLIC, identity=outside.carrier.identity, push_hosts=(f"localhost:{port}",), sms=outside.carrier.sms
    )
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.start(sender)
    await_true(lambda: outside.town.one("select fault from notice") == "localhost: Connection refused")


def test_a_server_without_the_right_certificate_gets_nothing(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(make_trust(other)[1]))
    outside.add("kari", "push")
    outside.add("ola", "email")
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari", "ola")
    outside.start()
    await_true(lambda: len(outside.town.sql("select 1 from notice where fault <> ''")) == 2)
    assert [fault for (fault,) in outside.town.sql("select fault from notice order by way")] == [
        "the mail server: no trust (CERTIFICATE_VERIFY_FAILED)",
        "localhost: no trust (CERTIFICATE_VERIFY_FAILED)",
    ]
    assert outside.push.got == [] and outside.mail.letters == []


@pytest.mark.parametrize(
    ("reply", "state", "fault"),
    [
        (
            "550 5.1.1 <kari@example.org>: no such user",
            "dead",
            "the mail server does not take mail for this address (550)",
        ),
        ("451 4.7.1 try again later", "waiting", "the mail server does not take mail for this address (451)"),
    ],
)
def test_no_such_mailbox_is_for_ever_and_a_busy_one_is_not(
    outside: Outside, reply: str, state: str, fault: str
) -> None:
    outside.add("kari", "email")
    outside.mail.replies.append(reply)
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.start()
    await_true(lambda: outside.town.one("select fault from notice") != "")
    assert outside.town.sql("select state, fault from notice") == [(state, fault)]


@pytest.mark.parametrize(("status", "state"), [(401, "waiting"), (500, "waiting"), (400, "dead")])
def test_what_the_sms_gateway_says_is_kept_without_the_number_or_the_password(
    outside: Outside, status: int, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    outside.add("kari", "sms")
    outside.sms.answer(status)
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.start()
    await_true(lambda: outside.town.one("select fault from notice") != "")
    assert outside.town.sql("select state, fault from notice") == [(state, f"the SMS gateway answered {status}")]
    number = outside.town.one("select id from notice")
    assert outside.sms.got[0].headers["Idempotency-Key"] == f"hjemvakt-{number}"
    assert SECRET not in caplog.text and "+4790000001" not in caplog.text


def test_what_fails_again_and_again_is_given_up_and_the_team_is_told_until_it_works(outside: Outside) -> None:
    outside.add("kari", "sms")
    outside.sms.answer(500)
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.town.sql("update notice set tries = 7")
    outside.start()
    await_true(lambda: outside.states() == [("sms", "failed")])
    rule = "select state from alert where rule = 'technical:not_reached'"
    await_true(lambda: outside.town.sql(rule) == [("raised",)])
    outside.call(outside.town.press("arne", at=datetime.now(UTC)), "kari")
    await_true(lambda: outside.states()[-1] == ("sms", "sent"))
    outside.stop()
    outside.start()
    await_true(lambda: outside.town.sql(rule) == [("ended",)])


def test_two_senders_send_once(outside: Outside) -> None:
    outside.add("kari", "push")
    outside.start()
    outside.start()
    for name in ("anna", "arne"):
        outside.call(outside.town.press(name, at=datetime.now(UTC)), "kari")
    await_true(lambda: outside.states() == [("push", "sent")] * 2)
    outside.stop()
    assert len(outside.push.got) == 2


def test_of_several_calls_about_one_alert_on_one_way_one_message_goes_out(outside: Outside) -> None:
    outside.add("kari", "sms")
    alert = outside.town.press("anna", at=datetime.now(UTC))
    for step in range(4):
        outside.call(alert, "kari", step=step)
    outside.start()
    await_true(lambda: [state for _, state in outside.states()] == ["sent", "over", "over", "over"])
    assert len(outside.sms.got) == 1


def test_a_way_that_was_turned_off_meanwhile_is_not_used(outside: Outside) -> None:
    outside.add("kari", "sms")
    outside.call(outside.town.press("anna", at=datetime.now(UTC)), "kari")
    outside.town.sql("update staff_way set removed_at = now()")
    outside.start()
    await_true(lambda: outside.states() == [("sms", "over")])
    assert outside.sms.got == []


def test_the_key_of_push_is_made_once_and_for_its_owner_alone(outside: Outside, tmp_path: Path) -> None:
    file = tmp_path / "vapid.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    again = build(tmp_path, 1, 2, 3)
    assert again.identity is not None and outside.carrier.identity is not None
    assert again.identity.public_key == outside.carrier.identity.public_key


def test_nobody_sees_the_passwords_of_the_ways(outside: Outside, tmp_path: Path) -> None:
    config = Config(data=tmp_path, sms_url=f"json://u:{SECRET}@h/{{to}}", mail_url=f"smtp://u:{SECRET}@h?from=a@b.no")
    assert SECRET not in repr(config) and SECRET not in repr(outside.carrier)
