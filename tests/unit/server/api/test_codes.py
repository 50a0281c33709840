"""One-time codes against the vectors of the standards."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from server.api import codes

SECRET = b"12345678901234567890"
# RFC 6238, appendix B, the rows of SHA1: seconds since 1970 and the code of 8 digits.
RFC_6238 = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
# RFC 4226, appendix D: HOTP values of 6 digits for the counts 0 to 9.
RFC_4226 = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")
NOW = datetime.fromtimestamp(1111111111, UTC)
STEP = timedelta(seconds=30)


@pytest.mark.parametrize(("seconds", "expected"), RFC_6238.items())
def test_codes_are_the_last_six_digits_of_those_of_rfc_6238(seconds, expected):
    now = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert codes.step_of(SECRET, expected[2:], now) == seconds // 30


def test_six_digits_are_those_of_rfc_4226():
    start = datetime(1970, 1, 1, tzinfo=UTC)
    found = [codes.step_of(SECRET, said, start + count * STEP) for count, said in enumerate(RFC_4226) if count]
    assert found == list(range(1, 10))


def test_a_clock_may_be_one_step_off_and_no_more():
    said, step = RFC_6238[1111111111][2:], 1111111111 // 30
    found = [codes.step_of(SECRET, said, NOW + off * STEP) for off in (-2, -1, 0, 1, 2)]
    assert found == [None, step, step, step, None]


@pytest.mark.parametrize("said", ["", "05047", "0504711", "14050471", "٠٥٠٤٧١", "abcdef"])
def test_what_is_no_code_fits_nothing(said):
    assert codes.step_of(SECRET, said, NOW) is None


def test_an_app_reads_the_secret_from_the_uri():
    """The key URI format of Google Authenticator: the label is issuer and account, the secret unpadded base32."""
    parts = urlsplit(codes.uri(SECRET, "kari & co"))
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Hjemvakt:kari & co")
    given = parse_qs(parts.query)
    assert base64.b32decode(given["secret"][0]) == SECRET
    assert given["issuer"] == ["Hjemvakt"]


def test_a_code_on_paper_is_read_however_it_is_typed():
    paper = codes.recovery(bytes(range(10)))
    assert paper == "aaaq-eaye-auda-ocaj"  # RFC 4648 base32, in groups
    assert codes.plain(f" {paper.upper().replace('-', ' ')}\n") == codes.plain(paper)
