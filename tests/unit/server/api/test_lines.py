"""Frames as the examples of RFC 6455 have them (5.7), and made once for everybody."""

from server.api.lines import frame_of


def test_a_text_is_framed_as_the_rfc_shows_it() -> None:
    assert frame_of("Hello") == bytes.fromhex("810548656c6c6f")
    assert frame_of("ø" * 128) == bytes.fromhex("817e0100") + "ø".encode() * 128  # 256 bytes


def test_what_many_are_told_is_framed_once() -> None:
    text = '{"type":"alert"}' * 3
    assert frame_of(text) is frame_of(text)
