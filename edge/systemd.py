"""What systemd hears of us, and how our log looks in its journal. Without systemd nothing here does anything."""

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TextIO

# sd-daemon(3): the priority of a line of the journal, in front of it.
PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG: Final = 7
START_MORE_S: Final = 60
STANDS_S: Final = 600.0  # the disk; alarms go out of memory meanwhile, and a start that needs the disk would end them

log = logging.getLogger(__name__)


def notify(*words: str) -> None:
    """sd_notify(3), without waiting: a manager that does not read must not hold us up."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.setblocking(False)
            door.sendto("\n".join(words).encode(), "\0" + address[1:] if address.startswith("@") else address)


def watchdog_s() -> float | None:
    """How often systemd wants to hear from this process, in WATCHDOG_USEC; None: never."""
    is_ours = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
    usec = os.environ.get("WATCHDOG_USEC", "")
    return int(usec) / 1e6 if is_ours and usec.isdecimal() and int(usec) else None


async def still_starting(why: Callable[[], str]) -> None:
    """A full disk is not mended by starting again: systemd gives us more time, and shows why we need it."""
    while True:
        notify(f"EXTEND_TIMEOUT_USEC={START_MORE_S * 1_000_000}", f"STATUS={why() or 'opening the outbox'}")
        await asyncio.sleep(START_MORE_S / 4)


async def feed_watchdog(
    ask: Callable[[], Awaitable[None]], words: Callable[[], str], stands_s: float = STANDS_S
) -> None:
    """As long as the event loop comes by here, and `ask` was answered within `stands_s`; else we are started again."""
    limit_s = watchdog_s()
    loop = asyncio.get_running_loop()
    answered_s, asked, is_told = loop.time(), asyncio.ensure_future(ask()), False
    try:
        while True:
            if asked.done():
                asked.result()
                answered_s, asked, is_told = loop.time(), asyncio.ensure_future(ask()), False
            if loop.time() - answered_s <= stands_s:
                notify("WATCHDOG=1", f"STATUS={words()}")
            elif not is_told:
                is_told = True
                log.critical("the disk has stood still for %.0f s: waiting to be started again", stands_s)
            await asyncio.sleep(limit_s / 3 if limit_s else START_MORE_S)
    finally:
        asked.cancel()


def log_to(stream: TextIO, is_journal: bool) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JournalFormat() if is_journal else logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("bumble").setLevel(logging.WARNING)


def is_journal(stream: TextIO = sys.stderr) -> bool:
    """systemd.exec(5): JOURNAL_STREAM is the device and inode of the stream that goes to the journal."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalFormat(logging.Formatter):
    """Every line with its priority, for each becomes an entry of its own."""

    def format(self, record: logging.LogRecord) -> str:
        priority = next((number for level, number in PRIORITIES if record.levelno >= level), DEBUG)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())
