"""What became of one message that was handed to a provider, and when it is tried again."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FIRST_RETRY_S: Final = 5.0  # [proposal], doubled with each failure
RETRY_MAX_S: Final = 300.0
TRIES_MAX: Final = 8  # over about ten minutes: by then others have been called long ago


class Why(StrEnum):
    PASSING = "passing"  # the provider or the line: it is tried again
    REFUSED = "refused"  # this message or its receiver, for ever
    GONE = "gone"  # the way itself does not exist any more: nobody is called on it again


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The provider has taken it. `provider_id`: under which name, if it says so."""

    provider_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """`fault`: a sentence for the technician, without address, number, name or secret."""

    why: Why
    fault: str
    retry_after_s: float | None = None


def passing(fault: str) -> Failed:
    return Failed(why=Why.PASSING, fault=fault)


def again_after_s(tries: int, asked_s: float | None, jitter: float) -> float | None:
    """`tries`: how often it failed; `jitter` from 0 to 1, so that many do not come back at once; None: give up."""
    if tries >= TRIES_MAX:
        return None
    wait_s = min(FIRST_RETRY_S * 2.0 ** (tries - 1), RETRY_MAX_S) * (0.75 + jitter / 2)
    return max(wait_s, min(asked_s or 0.0, RETRY_MAX_S))
