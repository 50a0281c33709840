"""The label of a box as SVG, for any printer: a QR code for the phone's camera, the code for whoever types it, and what
the gateway is called."""

from typing import Final

import segno

WIDTH_MM, HEIGHT_MM = 89, 36  # of address labels on a roll
LABEL: Final = """<svg xmlns="http://www.w3.org/2000/svg"
width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">
<rect width="{width}" height="{height}" fill="#fff"/>
<svg width="{height}" height="{height}">{picture}</svg>
<g font-family="monospace" fill="#000">
<text x="38" y="16" font-size="5.5">{code}</text>
<text x="38" y="26" font-size="{size}">{name}</text>
</g>
</svg>
"""
ROOM_MM: Final = 49.0
WIDE: Final = 0.6  # a letter of such fonts, by its height


def label(name: str, code: str, text: str) -> str:
    """`text`: what the camera reads. A corner of it may be torn off or dirty."""
    picture = segno.make(text, error="m", boost_error=False, micro=False)
    size = min(5.5, ROOM_MM / (len(name) * WIDE))
    given = {"width": WIDTH_MM, "height": HEIGHT_MM, "code": code, "name": name, "size": f"{size:.2f}"}
    return LABEL.format(picture=picture.svg_inline(omitsize=True, unit=None), **given)
