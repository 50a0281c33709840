"""A Bluetooth adapter for the guest's kernel: hci_vhci, with a virtual controller on the virtual air behind it."""

from bumble import hci
from bumble.transport.common import Transport
from bumble.transport.vhci import open_vhci_transport

from devices.virtual.controller import VirtualController
from devices.virtual.radio import Air

# The virtual controller reports a connection in the plain event; a kernel that reads these features waits for others.
NOT_OFFERED = hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING


class Dongle:
    def __init__(self, air: Air, address: str) -> None:
        self.address = address
        self._air = air
        self._transport: Transport | None = None
        self._controller: VirtualController | None = None

    async def plug_in(self) -> None:
        self._controller = controller = self._air.attach_central(self.address)
        controller.le_features &= ~NOT_OFFERED
        self._transport = transport = await open_vhci_transport(None)
        controller.host = transport.sink
        transport.source.set_packet_sink(controller)

    async def pull_out(self) -> None:
        controller, self._controller = self._controller, None
        transport, self._transport = self._transport, None
        if controller is not None:
            self._air.detach(controller)
        if transport is not None:
            await transport.close()
