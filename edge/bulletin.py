"""What the gateway says of itself: the heartbeat to the server, and the file for the technician."""

import contextlib
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from devices.wire import codec
from devices.wire.messages import CLOCK_TROUBLE, Lane, LinkState, Status
from edge import status_file
from edge.ble import BleRadio
from edge.config import Config
from edge.core import health
from edge.core.around import Around
from edge.core.commands import Commands
from edge.core.health import DeviceReport, Troubles
from edge.inbound import Inbound
from edge.outbound import Outbound
from edge.own_clock import SystemClock
from edge.remote_config import RemoteConfig
from edge.upgrading import Upgrading

MODEL: Final = Path("/proc/device-tree/model")
LONGEST_MODEL: Final = 80


class Bulletin:
    """`radio` is None until the outbox is open. `certificate`: the serial of the one that we are connected by."""

    def __init__(
        self,
        config: Config,
        gateway: str,
        run_id: str,
        clock: SystemClock,
        troubles: Troubles,
        inbound: Inbound,
        outbound: Outbound,
        setup: RemoteConfig,
        commands: Commands,
        around: Around,
        upgrading: Upgrading,
    ) -> None:
        self.radio: BleRadio | None = None
        self.certificate: Callable[[], str] = str
        self.takes_orders = False
        self.adapters: Sequence[str] = ()
        self._config, self._gateway, self._run_id = config, gateway, run_id
        self._clock, self._troubles = clock, troubles
        self._inbound, self._outbound = inbound, outbound
        self._setup, self._commands, self._around = setup, commands, around
        self._upgrading = upgrading

    def last_will(self) -> bytes:
        return codec.encode(health.last_will(self._me()))

    def status(self, state: LinkState, *, hello: bool) -> bytes:
        return codec.encode(self.word(state, hello=hello))

    def word(self, state: LinkState, *, hello: bool) -> Status:
        if self._clock.is_wrong():
            self._troubles.begin("clock", CLOCK_TROUBLE)
        else:
            self._troubles.end("clock")
        return health.status(
            self._me(),
            state,
            at=self._clock.now(),
            waiting=self._outbound.waiting(),
            set_aside=self._outbound.set_aside,
            devices=self._reports(),
            troubles=self._troubles.sentences(),
            hello=hello,
            config=self._setup.version,
            config_refused=self._setup.refused,
            done=self._commands.ids(),
            answers=self._commands.answers(),
            orders=self.takes_orders,
            upgrade=self._upgrading.state,
            certificate=self.certificate(),
            listening_until=self._around.until(self._clock.monotonic_s()),
            nearby=self._around.nearby(self._clock.monotonic_s()),
        )

    def line(self) -> str:
        """For `systemctl status`."""
        waiting = self._outbound.waiting()
        where = "connected" if self._outbound.is_connected else "not connected"
        troubles = len(self._troubles.sentences())
        rows = f"{waiting.get(Lane.ALARM, 0)} alarms and {waiting.get(Lane.BULK, 0)} other rows wait"
        return f"{where}, {rows}, {len(self._setup.devices)} devices, {troubles} troubles"

    def save(self) -> None:
        waiting = self._outbound.waiting()
        with contextlib.suppress(OSError):  # a full disk is told by the outbox
            status_file.write(
                status_file.directory(self._config.data_dir),
                status_file.StatusFile(
                    gateway=self._gateway,
                    outbox=self._outbound.outbox_id,
                    pid=os.getpid(),
                    at=self._clock.now(),
                    connected=self._outbound.is_connected,
                    receipt_at=self._outbound.receipt_at,
                    waiting_alarm=waiting.get(Lane.ALARM, 0),
                    waiting_bulk=waiting.get(Lane.BULK, 0),
                    set_aside=self._outbound.set_aside,
                    devices=self._device_lines(),
                    troubles=self._troubles.sentences(),
                    every_s=self._setup.heartbeat_s(self._config.heartbeat_s),
                    is_clock_set=self._clock.is_set(),
                    config=self._setup.version,
                    config_refused=self._setup.refused,
                    adapters=list(self.adapters),
                ),
            )

    def _device_lines(self) -> list[status_file.DeviceLine]:
        configured = {device.address: device for device in self._setup.devices}
        return [
            status_file.DeviceLine(
                address=report.device,
                name=configured[report.device].name,
                profile=configured[report.device].profile,
                state=report.state,
                seen_at=report.seen_at,
                battery_percent=report.battery_percent,
                refused=report.refused,
                rssi_dbm=report.rssi_dbm,
                model=report.model,
                is_bonded=report.bonded,
            )
            for report in self._reports()
            if report.device in configured
        ]

    def _reports(self) -> list[DeviceReport]:
        if self.radio is None:
            return self._inbound.reports({})
        bonds = self.radio.bonds()
        reports = self._inbound.reports(self.radio.states())
        return [replace(report, bonded=bonds.get(report.device)) for report in reports]

    def _me(self) -> health.Self:
        assert self._outbound.outbox_id is not None
        return health.Self(
            gateway=self._gateway,
            outbox=self._outbound.outbox_id,
            run=self._run_id,
            version=own_version(),
            every_s=self._setup.heartbeat_s(self._config.heartbeat_s),
        )


@cache
def own_version() -> str:
    """Of what runs: while another version is being installed, that one's files are there already."""
    try:
        return version("hjemvakt")
    except PackageNotFoundError:
        return "unknown"


def own_model() -> str:
    try:
        model = MODEL.read_text(encoding="ascii").strip("\0\n ")
    except (OSError, UnicodeDecodeError):
        model = f"{platform.system()} {platform.machine()}"
    return "".join(sign for sign in model if sign.isprintable())[:LONGEST_MODEL]
