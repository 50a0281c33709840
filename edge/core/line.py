"""Whether the server can be reached, as the home means it: connected, and it answers."""

from dataclasses import dataclass


@dataclass(slots=True)
class Line:
    """Down from the start until it is told up. `quiet_s`: connected, but no receipt for longer than this, is down; the
    gateway asks for one with each heartbeat."""

    quiet_s: float
    changed_s: float
    is_connected: bool = False
    answered_s: float | None = None

    def connected(self, is_up: bool, now_s: float) -> None:
        if is_up is not self.is_connected:
            self.changed_s, self.is_connected, self.answered_s = now_s, is_up, None if is_up else self.answered_s

    def answered(self, now_s: float) -> None:
        self.answered_s = now_s

    def down_s(self, now_s: float) -> float:
        """How long it has been down; 0: it is up."""
        if not self.is_connected:
            return now_s - self.changed_s
        quiet_s = now_s - (self.changed_s if self.answered_s is None else self.answered_s)
        return quiet_s if quiet_s > self.quiet_s else 0.0
