"""Telephones that a chain may call. Hjemvakt never calls for an ambulance, the police, the fire brigade or a doctor on
call by itself: a person does, who can say what has happened."""

import re
from typing import Final

NEVER_CALLED: Final = frozenset({"110", "112", "113", "116117", "02800", "911", "1412"})
_AS_WRITTEN: Final = re.compile(r"[\s()./-]")
_CALLABLE: Final = re.compile(r"\+[1-9]\d{6,14}")


def number(written: str) -> str | None:
    """As +4791234567; a number of eight digits is Norwegian. None: it cannot be called."""
    bare = _AS_WRITTEN.sub("", written)
    bare = "+" + bare[2:] if bare.startswith("00") else bare
    if re.fullmatch(r"\d{8}", bare):
        bare = "+47" + bare
    return bare if _CALLABLE.fullmatch(bare) else None


def refusal(written: str) -> str | None:
    """Why this number cannot stand in a chain, as a sentence; None: it can."""
    bare = _AS_WRITTEN.sub("", written).removeprefix("+47").removeprefix("0047")
    if bare in NEVER_CALLED:
        return "Hjemvakt never calls 110, 112, 113 or 116 117 by itself: a person calls them. Name another telephone."
    if number(written) is None:
        return "This is no telephone number: write it as 912 34 567 or +47 912 34 567."
    return None
