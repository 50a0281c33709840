import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from server.ways.encryption import BrowserKeys, browser_keys, encrypt, from_base64url

# RFC 8291, section 5 and appendix A.
TEXT = b"When I grow up, I want to be a watermelon"
UA_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
SENT = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_a_push_message_is_encrypted_as_the_standards_own_example() -> None:
    key = ec.derive_private_key(int.from_bytes(from_base64url(AS_PRIVATE), "big"), ec.SECP256R1())
    assert encrypt(TEXT, browser_keys(UA_PUBLIC, AUTH), salt=from_base64url(SALT), key=key) == from_base64url(SENT)


def test_the_same_text_never_looks_the_same_twice() -> None:
    keys = browser_keys(UA_PUBLIC, AUTH)
    assert encrypt(TEXT, keys) != encrypt(TEXT, keys)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        (UA_PUBLIC[:-2], AUTH),
        (UA_PUBLIC, AUTH[:-2]),
        ("BA" + "A" * 85, AUTH),  # not on the curve
        ("not base64!", AUTH),
        ("", ""),
    ],
)
def test_keys_that_no_browser_has_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError):
        browser_keys(p256dh, auth)


def test_keys_are_checked_whoever_makes_them() -> None:
    with pytest.raises(ValueError):
        BrowserKeys(p256dh=b"\x04" * 65, auth=b"a" * 16)
