"""The commands that only a proof opens: the scan begins anew, the agent ends and is started again, it says how it is,
asks for a new certificate, wishes for a version of its program."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from devices.errors import WireError
from devices.wire.messages import Command, LinkState
from edge import diagnosis
from edge.ble import BleRadio
from edge.bulletin import Bulletin, own_model, own_version
from edge.core.commands import DIAGNOSE, RENEW, RESTART, SCAN, UPGRADE
from edge.credentials import Credentials
from edge.diagnosis import NotHandedIn
from edge.errands import Do, ErrandError
from edge.logbook import Logbook
from edge.own_clock import SystemClock
from edge.remote_config import RemoteConfig
from edge.upgrading import Upgrading

log = logging.getLogger(__name__)


class Orders:
    """`credentials` None: nobody can give any. `radio` None: it is not open yet. `stop` ends the agent; whoever started
    it starts it again."""

    def __init__(
        self,
        data_dir: Path,
        bulletin: Bulletin,
        setup: RemoteConfig,
        clock: SystemClock,
        upgrading: Upgrading,
        credentials: Credentials | None,
        *,
        radio: Callable[[], BleRadio | None],
        stop: Callable[[], None],
    ) -> None:
        self._data_dir, self._bulletin, self._setup, self._clock = data_dir, bulletin, setup, clock
        self._upgrading, self._credentials, self._radio, self._stop = upgrading, credentials, radio, stop
        self._since_s = clock.monotonic_s()
        self._logbook = Logbook()
        logging.getLogger().addHandler(self._logbook)

    def does(self) -> dict[str, Do]:
        return {
            SCAN: self._scan,
            RESTART: self._restart,
            DIAGNOSE: self._diagnose,
            RENEW: self._renew,
            UPGRADE: self._upgrade,
        }

    async def _scan(self, _: Command) -> None:
        radio = self._radio()
        if radio is None or not radio.scan_anew():
            raise ErrandError("the radio is not open yet")

    async def _restart(self, _: Command) -> None:
        log.warning("ending, to be started again: somebody asks for it")
        self._stop()

    async def _renew(self, _: Command) -> None:
        self._believed().renew_now()

    async def _upgrade(self, command: Command) -> None:
        if command.version is None:
            raise ErrandError("it does not say which version")
        if command.version == own_version():
            return
        if not self._upgrading.is_possible():
            raise ErrandError("nobody installs anything here: enable hjemvakt-gateway-upgrade.path on this gateway")
        await self._upgrading.wish(command.version, command.id)

    async def _diagnose(self, command: Command) -> None:
        credentials = self._believed()
        try:
            machine = await asyncio.to_thread(diagnosis.look, self._data_dir, own_model())
            payload = diagnosis.content(
                command,
                self._bulletin.word(LinkState.ONLINE, hello=False),
                self._setup.devices,
                machine,
                self._clock,
                running_s=int(self._clock.monotonic_s() - self._since_s),
                life=credentials.identity.life(),
                adapters=self._bulletin.adapters,
                log=self._logbook.lines(),
            )
            is_right = self._clock.is_set() and not self._clock.is_wrong()
            await asyncio.to_thread(diagnosis.hand_in, credentials.identity, payload, checks_time=is_right)
        except (NotHandedIn, WireError) as error:
            raise ErrandError(str(error)) from error

    def _believed(self) -> Credentials:
        assert self._credentials is not None, "nobody else is believed"
        return self._credentials
