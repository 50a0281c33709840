"""A gateway's life: born with the server's address and a code, accepted, at work, revoked."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from devices.errors import WireError
from devices.wire.enrolment import Birth, decode_birth
from edge.agent import Agent
from edge.bulletin import own_model, own_version
from edge.config import Config, Post, broker_at
from edge.enrol import enrol
from edge.errors import ConfigError, EnrolmentRefused, NotEnrolled
from edge.identity import Identity, IdentityFiles
from edge.own_clock import SystemClock
from edge.remote_config import with_kept
from edge.systemd import feed_watchdog, notify
from edge.wipe import forget_bonds, wipe

REFUSED_AGAIN_S: Final = 3600.0

log = logging.getLogger(__name__)


async def live(config: Config, path: Path) -> None:
    """Until SIGTERM or SIGINT. `path`: of the configuration."""
    if config.post is not None:
        await Agent(config, config.post).run()
        return
    files = IdentityFiles(config.data_dir)
    if files.revoked() is None:
        identity = files.current() or await _first_boot(config, files)
        if identity is None:
            return
        await Agent(config, post_of(config, files), (identity, files)).run()
    if files.revoked() is not None:
        await _leave(config, path, files)


async def accept(config: Config, birth: Birth, tell: Callable[[str], None]) -> Identity:
    """Ask until somebody has accepted us. EnrolmentRefused."""
    clock = SystemClock()
    return await enrol(
        birth,
        IdentityFiles(config.data_dir),
        model=own_model(),
        version=own_version()[:40],
        is_clock_right=lambda: clock.is_set() and not clock.is_wrong(),
        tell=tell,
    )


def read_birth(path: Path) -> Birth:
    try:
        return decode_birth(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): it should be what came with the box") from error
    except WireError as error:
        raise ConfigError(f"{path} is not what came with the box ({error}): get it again") from error


def post_of(config: Config, files: IdentityFiles) -> Post:
    """NotEnrolled: there is none yet."""
    if config.post is not None:
        return config.post
    identity = files.current()
    if identity is None:
        raise NotEnrolled("this gateway is not enrolled yet: hjemvakt-gateway enrol --birth FILE, or see `status`")
    try:
        broker = broker_at(identity.mqtt, is_insecure_right=config.insecure)
    except ValueError as error:
        what, write = error.args
        raise ConfigError(
            f"the server says that the broker is {identity.mqtt!r}{what}: it should be {write}"
        ) from error
    return Post(gateway=identity.gateway, bucket=identity.bucket, broker=broker)


async def _first_boot(config: Config, files: IdentityFiles) -> Identity | None:
    """None: stopped before anybody accepted us."""
    if config.birth is None:
        post_of(config, files)
    said = "not enrolled yet"

    def tell(sentence: str) -> None:
        nonlocal said
        if sentence != said:
            log.info("%s", sentence)
        said = sentence

    async def be_accepted() -> None:
        assert config.birth is not None
        while files.current() is None:
            try:
                await accept(config, read_birth(config.birth), tell)
            except (EnrolmentRefused, ConfigError) as error:
                tell(f"{error}. It is tried again in an hour, or after a restart")
                await asyncio.sleep(REFUSED_AGAIN_S)

    await _stand_by(be_accepted(), lambda: said)
    return files.current()


async def _leave(config: Config, path: Path, files: IdentityFiles) -> None:
    """Wipe, and stay without doing anything, so that nobody starts us again and again."""
    revoked = files.revoked()
    assert revoked is not None
    await forget_bonds(config.radio, with_kept(config, revoked.gateway).devices)
    left = await asyncio.to_thread(wipe, config.data_dir, path)
    words = f"revoked by the server: everything of {revoked.gateway} is removed here"
    log.warning("%s", words)
    if left:
        log.error("could not be removed: %s", ", ".join(left))
    await _stand_by(asyncio.Event().wait(), lambda: words)


async def _stand_by(work: Awaitable[object], words: Callable[[], str]) -> None:
    """Until the work is done or we are told to stop. The manager hears that we live."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notify("READY=1", f"STATUS={words()}")
    working = asyncio.ensure_future(work)
    stopping, feeding = asyncio.create_task(stop.wait()), asyncio.create_task(feed_watchdog(_at_once, words))
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        for task in (working, stopping, feeding):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _at_once() -> None:
    pass
