"""What a stream remembers between batches: one row of stream_state."""

from dataclasses import dataclass

from devices.limits import Limit


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamState:
    """Times are milliseconds since 1970. `level`: -2 red low .. 2 red high. `end_ms`: of an interval that began at
    `last_ms` or before; None: the last reading was a single one.

    `pending_level` is the level next to `level` that readings have been at, or beyond, without a break since
    `pending_since_ms`; `pending_far_since_ms` the same for the level beyond that one. With nothing pending
    `pending_level` is `level` and both are None."""

    patient: int
    kind: int
    last_ms: int
    level: int
    since_ms: int | None
    pending_level: int
    pending_since_ms: int | None
    pending_far_since_ms: int | None
    end_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSetting:
    """A stream's limit, what it rests on (clinical.settings), and where it stood; no state: never heard."""

    patient: int
    kind: int
    limit: Limit | None
    basis: str = ""
    state: StreamState | None = None
