"""What is said outside of the house: that there is something to look at, and where. Never who, or what value."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Language = Literal["nb", "en"]
Purpose = Literal["alert", "test", "code", "broken"]

ALERT: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "nb": {
            "red": "Rødt varsel i Hjemvakt.",
            "yellow": "Gult varsel i Hjemvakt.",
            "grey": "Teknisk varsel i Hjemvakt.",
        },
        "en": {
            "red": "Red alert in Hjemvakt.",
            "yellow": "Yellow alert in Hjemvakt.",
            "grey": "Technical alert in Hjemvakt.",
        },
    }
)
OPEN_BOARD: Final = {"nb": "Åpne tavlen", "en": "Open the board"}
TEST: Final = {
    "nb": "Prøve fra Hjemvakt: hit sendes varsler når ingen ser dem på en skjerm.",
    "en": "Test from Hjemvakt: alerts are sent here when nobody sees them on a screen.",
}
CODE: Final = {"nb": "Koden fra Hjemvakt er {code}.", "en": "The code from Hjemvakt is {code}."}
BROKEN: Final = {
    "nb": "Hjemvakt når deg ikke lenger med push i en av nettleserne dine. Slå det på igjen der.",
    "en": "Hjemvakt no longer reaches you by push in one of your browsers. Turn it on there again.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """`topic`: a later one replaces an earlier that was not shown yet. `id`: the same when it is sent again."""

    id: str
    text: str
    link: str | None
    topic: str

    @property
    def whole(self) -> str:
        return self.text if self.link is None else f"{self.text.removesuffix('.')}: {self.link}"


def message(
    notice: int,
    purpose: Purpose,
    language: Language,
    *,
    public_url: str,
    alert: int | None = None,
    priority: str = "",
    code: str | None = None,
) -> Message:
    id_ = f"hjemvakt-{notice}"
    if purpose == "alert":
        text = f"{ALERT[language][priority]} {OPEN_BOARD[language]}."
        return Message(id=id_, text=text, link=f"{public_url}/varsel/{alert}", topic=f"alert-{alert}")
    texts = {"test": TEST[language], "code": CODE[language].format(code=code), "broken": BROKEN[language]}
    return Message(id=id_, text=texts[purpose], link=None, topic=purpose)
