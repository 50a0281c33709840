"""When a message is tried again, what it says, and settings that are refused before somebody needs them."""

from pathlib import Path

import pytest

from server.config import Config, read
from server.errors import ConfigError
from server.ways import push, said, sms
from server.ways.carrier import Carrier, carrier
from server.ways.mail import mail_server
from server.ways.outcome import TRIES_MAX, Failed, Sent, Why, again_after_s
from server.ways.vapid import identity

SECRET = "hemmelig-passord"


def test_waits_grow_to_five_minutes_and_end_after_about_ten() -> None:
    waits = [again_after_s(tries, None, 0.5) for tries in range(1, TRIES_MAX + 1)]
    assert waits == [5, 10, 20, 40, 80, 160, 300, None]


def test_many_that_failed_together_do_not_come_back_together() -> None:
    assert (again_after_s(1, None, 0.0), again_after_s(1, None, 1.0)) == (3.75, 6.25)


def test_a_provider_gets_the_time_that_it_asks_for_within_bounds() -> None:
    assert again_after_s(1, 60.0, 0.5) == 60
    assert again_after_s(1, 86_400.0, 0.5) == 300
    assert again_after_s(TRIES_MAX, 60.0, 0.5) is None


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (404, Why.GONE),  # RFC 8030, section 7.3: the subscription has expired
        (410, Why.GONE),
        (400, Why.REFUSED),
        (413, Why.REFUSED),
        (301, Why.REFUSED),
        (401, Why.PASSING),
        (403, Why.PASSING),
        (429, Why.PASSING),
        (500, Why.PASSING),
        (503, Why.PASSING),
    ],
)
def test_what_a_push_service_answers_says_whether_to_try_again(status: int, why: Why) -> None:
    found = push.outcome(status, {})
    assert isinstance(found, Failed) and found.why is why


def test_a_push_that_was_taken_has_the_services_name() -> None:
    """RFC 8030, section 5: 201 with the message's Location."""
    assert push.outcome(201, {"Location": "https://push.example.net/message/q"}) == Sent(
        provider_id="https://push.example.net/message/q"
    )


@pytest.mark.parametrize(
    ("language", "priority", "text"),
    [
        ("nb", "red", "Rødt varsel i Hjemvakt. Åpne tavlen: https://h.example/varsel/7"),
        ("nb", "yellow", "Gult varsel i Hjemvakt. Åpne tavlen: https://h.example/varsel/7"),
        ("nb", "grey", "Teknisk varsel i Hjemvakt. Åpne tavlen: https://h.example/varsel/7"),
        ("en", "red", "Red alert in Hjemvakt. Open the board: https://h.example/varsel/7"),
    ],
)
def test_an_alert_says_its_colour_and_where_to_look(language: said.Language, priority: str, text: str) -> None:
    message = said.message(3, "alert", language, public_url="https://h.example", alert=7, priority=priority)
    assert message.whole == text
    assert message.topic == "alert-7"


def test_an_installation_without_settings_has_no_way_out(tmp_path: Path) -> None:
    assert carrier(Config(data=tmp_path)) == Carrier()
    assert list(tmp_path.iterdir()) == []
    assert Carrier().offers == {}


@pytest.mark.parametrize(
    "url",
    [
        f"46elks://user:{SECRET}@+4712345678",
        f"nonsense://user:{SECRET}@host/{{to}}",
        f"{SECRET}{{to}}",
    ],
)
def test_an_sms_gateway_that_cannot_work_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        sms.checked(url)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "46elks://user:password@+4712345678/{to}",
        "seven://apikey1234567890/{to}",
        "vonage://key12345:secret1234567890@+4712345678/{to}",
        "clicksend://user:password@{to}",
        "smseagle://token@gateway.kommune.example/{to}",
        "jsons://gateway.kommune.example/send?:to={to}",
    ],
)
def test_sms_gateways_that_serve_norway_are_understood(url: str) -> None:
    assert sms.checked(url) == url


@pytest.mark.parametrize(
    "url",
    [
        f"smtp://u:{SECRET}@mail.example",
        f"http://u:{SECRET}@mail.example?from=a@b.no",
        f"smtp://u:{SECRET}@mail.example?from=nobody",
        f"smtp://u:{SECRET}@mail.example:99999?from=a@b.no",
        f"smtp://u:{SECRET}@mail.example?from=a@b.no&tsl=no",
        f"smtp://u:{SECRET}@mail.example?from=a@b.no&tls=perhaps",
    ],
)
def test_a_mail_server_that_cannot_work_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        mail_server(url)
    assert SECRET not in str(refused.value)


def test_mail_is_never_sent_in_the_open_unless_somebody_says_so() -> None:
    assert mail_server("smtp://mail.example?from=a@b.no").tls == "starttls"
    assert mail_server("smtps://mail.example?from=a@b.no").tls == "at once"
    assert mail_server("smtp://localhost:25?from=a@b.no&tls=no").tls == "none"
    server = mail_server(f"smtp://user%40b.no:{SECRET}@mail.example?from=a@b.no")
    assert (server.user, server.password, server.port) == ("user@b.no", SECRET, 587)
    assert SECRET not in repr(server)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"SMS_URL": f"46elks://u:{SECRET}@1/{{to}}"}, "sms_url is set, but public_url is not"),
        ({"PUSH_CONTACT": "drift@kommune.example", "PUBLIC_URL": "https://h.example"}, "push_contact must look like"),
        ({"PUBLIC_URL": "h.example"}, "public_url must look like"),
        ({"PUBLIC_URL": "https://h.example/?a=b"}, "public_url must look like"),
    ],
)
def test_settings_that_do_not_fit_are_said_at_the_start(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        read({"HOME": "/h"} | {f"HJEMVAKT_{name}": value for name, value in settings.items()})
    assert SECRET not in str(refused.value)


def test_a_key_that_is_no_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "vapid.pem").write_text("not a key")
    with pytest.raises(ConfigError, match="put back the file"):
        identity(tmp_path, "mailto:a@b.no")
    assert (tmp_path / "vapid.pem").read_text() == "not a key"


def test_a_key_that_cannot_be_kept_is_said_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="let us write"):
        identity(tmp_path / "file" / "data", "mailto:a@b.no")
