import pytest

from server.ways import endpoints


@pytest.mark.parametrize(
    "url",
    [
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAA",
        "https://web.push.apple.com/QK1",
        "https://wns2-par02p.notify.windows.com/w/?token=BQY%3d",
    ],
)
def test_the_push_services_of_browsers_are_known(url: str) -> None:
    found = endpoints.endpoint(url, ())
    assert found is not None
    assert found.origin + found.target == url
    assert not found.own


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evilpush.apple.com/x",
        "https://fcm.googleapis.com:8443/x",
        "https://fcm.googleapis.com@10.0.0.1/x",
        "https://10.0.0.1/x",
        "https://localhost/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://intranet.example.no/x",
        "https://fcm.googleapis.com/x\r\nHost: other",
        "https://fcm.googleapis.com/" + "x" * 2000,
        "https://fcm.googleapis.com:99999/x",
        "https:///x",
        "file:///etc/passwd",
        "",
    ],
)
def test_nothing_else_is_sent_to(url: str) -> None:
    assert endpoints.endpoint(url, ()) is None


def test_a_host_that_the_administrator_named_is_sent_to_at_that_port_alone() -> None:
    own = ("push.kommune.example:8443",)
    found = endpoints.endpoint("https://push.kommune.example:8443/a", own)
    assert found is not None and found.own
    assert endpoints.endpoint("https://push.kommune.example/a", own) is None


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_addresses_inside_the_house_are_not_public(address: str) -> None:
    assert not endpoints.is_public(address)


@pytest.mark.parametrize("address", ["142.250.74.46", "2a00:1450:400f:80d::200e"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert endpoints.is_public(address)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("912 34 567", "+4791234567"),
        ("+47 912 34 567", "+4791234567"),
        ("0047 91234567", "+4791234567"),
        ("+46 70 123 45 67", "+46701234567"),
        ("113", None),
        ("+4791234567;+4790000000", None),
        ("", None),
        ("+0791234567", None),
    ],
)
def test_phone_numbers_are_read_as_people_write_them(text: str, number: str | None) -> None:
    assert endpoints.phone(text) == number


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("kari.nordmann@kommune.no", True),
        ("a+b@sub.example.org", True),
        ("kari@localhost", False),
        ("kari@example.org\nBcc: all@example.org", False),
        ("kari@example.org, ola@example.org", False),
        ("Kari <kari@example.org>", False),
        ("a..b@example.org", False),
        ("@example.org", False),
    ],
)
def test_mail_addresses_are_one_plain_address(text: str, good: bool) -> None:
    assert (endpoints.mail(text) is not None) is good
