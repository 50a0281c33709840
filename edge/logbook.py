"""The newest lines of our log, without what was put into them: so that they can be handed to whoever asks.

What is put into a sentence may be anybody's: a sensor's bytes, a name on a device. The sentence itself was written with
the program. Of other people's programs not even that: they may have written it together as it happened."""

import logging
from collections import deque
from typing import Final

from devices.wire.diagnosis import MOST_LINES, LogLine

OURS: Final = "edge."
LONGEST: Final = 200


class Logbook(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)

    def emit(self, record: logging.LogRecord) -> None:
        is_ours = record.name.startswith(OURS) and isinstance(record.msg, str)
        kind = record.exc_info[0] if isinstance(record.exc_info, tuple) else None
        line = LogLine(
            at=round(record.created * 1000),
            level=record.levelname[:10],
            where=f"{record.name}:{record.lineno}"[:120],
            said=record.msg[:LONGEST] if is_ours else "",
            error="" if kind is None else kind.__name__[:120],
        )
        last = self._lines[-1] if self._lines else None
        if last is not None and (last.where, last.said, last.error) == (line.where, line.said, line.error):
            self._lines[-1] = LogLine(
                at=line.at, level=line.level, where=line.where, said=line.said, error=line.error, times=last.times + 1
            )
        else:
            self._lines.append(line)

    def lines(self) -> list[LogLine]:
        """The oldest first. A clock that stood in 1970 has no time that could be said."""
        return [line for line in self._lines if line.at >= EARLIEST_MS]


EARLIEST_MS: Final = 946_684_800_000  # devices.wire.messages.Millis
