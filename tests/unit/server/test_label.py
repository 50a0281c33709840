"""The label of a box is read back by the rules of ISO/IEC 18004, not by whoever drew it."""

import re
from xml.etree import ElementTree

from server.label import label

SVG = "{http://www.w3.org/2000/svg}"
TEXT = "https://hjemvakt.kommune.example/montering#1.7K3M-9TQZ-2WXB." + "0123456789abcdef" * 4
# Of error correction M: data bytes of each block (table 9), and the centres of the alignment patterns (annex E).
BLOCKS = {7: [31] * 4, 8: [38, 38, 39, 39], 9: [36, 36, 36, 37, 37]}
CENTRES = {7: (6, 22, 38), 8: (6, 24, 42), 9: (6, 26, 46)}
MASKS = (
    lambda y, x: (y + x) % 2,
    lambda y, x: y % 2,
    lambda y, x: x % 3,
    lambda y, x: (y + x) % 3,
    lambda y, x: (y // 2 + x // 3) % 2,
    lambda y, x: y * x % 2 + y * x % 3,
    lambda y, x: (y * x % 2 + y * x % 3) % 2,
    lambda y, x: ((y + x) % 2 + y * x % 3) % 2,
)


def drawn(svg: str) -> set[tuple[int, int]]:
    """The dark modules (row, column) of the one path: horizontal strokes, as `M x y h n m dx dy h n ...` says them."""
    (path,) = ElementTree.fromstring(svg).iter(f"{SVG}path")
    dark, x, y = set(), 0.0, 0.0
    for word, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        given = [float(each) for each in re.findall(r"-?[\d.]+", numbers)]
        if word == "h":
            dark |= {(int(y), int(x) + step) for step in range(int(given[0]))}
            x += given[0]
        else:
            x, y = (given[0], given[1]) if word == "M" else (x + given[0], y + given[1])
    top, left = min(row for row, _ in dark), min(column for _, column in dark)
    assert (top, left) == (4, 4), "four modules of white around it"
    return {(row - top, column - left) for row, column in dark}


def is_of_the_pattern(y: int, x: int, side: int, version: int) -> bool:
    corner = (y < 9 and (x < 9 or x >= side - 8)) or (x < 9 and y >= side - 8)
    of_version = (y < 6 and x >= side - 11) or (x < 6 and y >= side - 11)
    centres = CENTRES[version]
    first, last = centres[0], centres[-1]
    aligned = any(
        abs(y - row) <= 2 and abs(x - column) <= 2
        for row in centres
        for column in centres
        if (row, column) not in ((first, first), (first, last), (last, first))
    )
    return corner or of_version or aligned or y == 6 or x == 6


def read(dark: set[tuple[int, int]]) -> str:
    side = 1 + max(row for row, _ in dark)
    version = (side - 17) // 4
    mask = MASKS[int("".join("01"[((8, column) in dark) ^ flip] for column, flip in ((2, 1), (3, 0), (4, 1))), 2)]
    columns = [column for column in range(side - 1, 0, -2) if column > 6] + [5, 3, 1]
    bits = []
    for number, right in enumerate(columns):
        for row in range(side)[:: -1 if number % 2 == 0 else 1]:
            for column in (right, right - 1):
                if not is_of_the_pattern(row, column, side, version):
                    bits.append(((row, column) in dark) ^ (mask(row, column) == 0))
    stream = bytes(int("".join("01"[bit] for bit in bits[at : at + 8]), 2) for at in range(0, len(bits) - 7, 8))
    blocks: list[bytearray] = [bytearray() for _ in BLOCKS[version]]
    at = 0
    for place in range(max(BLOCKS[version])):
        for block, room in zip(blocks, BLOCKS[version], strict=True):
            if place < room:
                block.append(stream[at])
                at += 1
    content = "".join(f"{byte:08b}" for byte in b"".join(blocks))
    assert content[:4] == "0100", "bytes"
    length = int(content[4:12], 2)
    return bytes(int(content[at : at + 8], 2) for at in range(12, 12 + 8 * length, 8)).decode()


def test_a_camera_reads_on_the_label_where_to_go_and_with_which_code() -> None:
    assert read(drawn(label("gw-storgata-1", "7K3M-9TQZ-2WXB", TEXT))) == TEXT


def test_a_person_reads_the_code_and_the_name_and_the_longest_name_has_room() -> None:
    for name in ("gw-storgata-1", "g" * 40):
        svg = ElementTree.fromstring(label(name, "7K3M-9TQZ-2WXB", TEXT))
        words = [
            (each.text, float(each.attrib["x"]), float(each.attrib["font-size"])) for each in svg.iter(f"{SVG}text")
        ]
        assert [text for text, _, _ in words] == ["7K3M-9TQZ-2WXB", name]
        assert all(text is not None and x + len(text) * 0.6 * size <= 88 for text, x, size in words)
