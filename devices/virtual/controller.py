"""Bumble's emulated controllers and the air between them, mended where Bumble 0.0.236 falls short.

A connection attempt can be cancelled, a reset resets, an advert is reported once and with the strength of its sender,
connecting is one step for both ends (two centrals cannot win the same peripheral), a lost end takes the other with it,
and the data path costs the same however many peripherals there are.
"""

import asyncio
from typing import cast

from bumble import hci, ll
from bumble.controller import Connection, Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

SUPERVISION_TIMEOUT = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
HUNG_UP_BY_PERIPHERAL = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR
USUAL_RSSI_DBM = -60
CONNECTABLE_EVENT = 1  # Core 5.4 vol 4 part E 7.8.53, advertising event properties, bit 0

Report = hci.HCI_LE_Extended_Advertising_Report_Event
Status = hci.HCI_StatusReturnParameters


class VirtualController(Controller):
    le_acl_data_packet_length = 251  # 27 would cut an ordinary ATT packet in pieces
    in_range = True
    is_deaf = False
    rssi_dbm = USUAL_RSSI_DBM

    @property
    def air_link(self) -> "VirtualLink":
        return cast(VirtualLink, self.link)

    @property
    def is_listening(self) -> bool:
        return self.le_scan_enable or self.pending_le_connection is not None

    def accepts_connections_at(self, address: hci.Address) -> bool:
        return (self.in_range and not self.is_deaf) and any(
            advertiser.enabled
            and advertiser.address == address
            and advertiser.parameters is not None
            and advertiser.parameters.advertising_event_properties & CONNECTABLE_EVENT
            for advertiser in self.advertising_sets.values()
        )

    def hear(self, advert: ll.AdvInd | ll.AdvExtInd, rssi_dbm: int) -> None:
        if self.le_scan_enable:
            self.send_hci_packet(Report([_report(advert, rssi_dbm)]))
        pending = self.pending_le_connection
        if pending is not None and pending.peer_address == advert.advertiser_address:
            self.create_le_connection(advert.advertiser_address)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        if peer_address in self.le_connections or self.air_link.advertiser(peer_address) is None:
            return  # somebody else was faster; the next advert is the next chance
        super().create_le_connection(peer_address)

    def on_le_disconnected(self, connection: Connection, reason: int) -> None:
        if self.le_connections.get(connection.peer_address) is connection:
            self.air_link.forget(connection)
            super().on_le_disconnected(connection, reason)

    def reset(self, reason: int = SUPERVISION_TIMEOUT) -> None:
        """Stop everything, as a controller that lost its host or its power does."""
        self.le_scan_enable = False
        self.pending_le_connection = None
        for advertiser in self.advertising_sets.values():
            advertiser.stop()
        self.advertising_sets.clear()
        self.drop_all(reason)

    def drop_all(self, reason: int) -> None:
        for connection in list(self.le_connections.values()):
            self.air_link.cut(connection, reason)

    def on_hci_reset_command(self, _command: hci.HCI_Reset_Command) -> Status:
        self.reset()
        return Status(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> Status:
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return Status(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self.send_hci_packet, _given_up(pending.peer_address))
        return Status(hci.HCI_ErrorCode.SUCCESS)

    # Bumble formats every packet for a debug log that nobody reads: most of the cost of a notification.
    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        match packet:
            case hci.HCI_AclDataPacket():
                self.on_hci_acl_data_packet(packet)
            case hci.HCI_Command():
                self.on_hci_command_packet(packet)
            case _:
                super().on_hci_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.host is not None:
            asyncio.get_running_loop().call_soon(self.host.on_packet, bytes(packet))


class VirtualLink(LocalLink):
    """The air. It knows both ends of every connection by (own address, peer address)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.centrals: set[VirtualController] = set()  # the only ones that listen to adverts
        self._ends: dict[tuple[hci.Address, hci.Address], Connection] = {}

    def remove_controller(self, controller: Controller) -> None:
        super().remove_controller(controller)
        self.centrals.discard(cast(VirtualController, controller))

    def advertiser(self, address: hci.Address) -> VirtualController | None:
        """The controller that a central can connect to at `address` now."""
        for controller in self.controllers:
            candidate = cast(VirtualController, controller)
            if candidate.accepts_connections_at(address):
                return candidate
        return None

    def far_end(self, connection: Connection) -> Connection | None:
        return self._ends.get((connection.peer_address, connection.self_address))

    def cut(self, connection: Connection, reason: int) -> None:
        far = self.far_end(connection)
        connection.controller.on_le_disconnected(connection, reason)
        if far is not None:
            far.controller.on_le_disconnected(far, reason)

    def forget(self, connection: Connection) -> None:
        self._ends.pop((connection.self_address, connection.peer_address), None)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        sender = cast(VirtualController, sender_controller)
        if isinstance(packet, ll.ConnectInd):
            self._join(sender, packet)
        elif isinstance(packet, ll.AdvInd | ll.AdvExtInd) and sender.in_range:
            for central in self.centrals:
                if central.is_listening and central is not sender:
                    asyncio.get_running_loop().call_soon(central.hear, packet, sender.rssi_dbm)

    def _join(self, central: VirtualController, packet: ll.ConnectInd) -> None:
        peripheral = self.advertiser(packet.advertiser_address)
        assert peripheral is not None, "a central asks only after it has seen the advertiser"
        peripheral.on_le_connect_ind(packet)
        for end in (
            central.le_connections[packet.advertiser_address],
            peripheral.le_connections[packet.initiator_address],
        ):
            self._ends[(end.self_address, end.peer_address)] = end

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        near = sender_controller.le_connections.get(destination_address)
        far = self.far_end(near) if near is not None else None
        if far is not None:
            asyncio.get_running_loop().call_soon(self._deliver_data, far, data)

    def _deliver_data(self, end: Connection, data: bytes) -> None:
        if end.controller.le_connections.get(end.peer_address) is end:
            end.controller.send_hci_packet(hci.HCI_AclDataPacket(end.handle, 2, 0, len(data), data))

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        far = self._ends.get((receiver_address, sender_address))
        if far is not None:  # else the peer is gone, and the packet is lost in the air
            asyncio.get_running_loop().call_soon(self._deliver_control, far, packet)

    def _deliver_control(self, end: Connection, packet: ll.ControlPdu) -> None:
        if end.controller.le_connections.get(end.peer_address) is end:
            end.controller.on_ll_control_pdu(end.peer_address, packet)


def _report(advert: ll.AdvInd | ll.AdvExtInd, rssi_dbm: int) -> Report.Report:
    return Report.Report(
        event_type=Report.EventType.CONNECTABLE_ADVERTISING,
        address_type=advert.advertiser_address.address_type,
        address=advert.advertiser_address,
        primary_phy=hci.Phy.LE_1M,
        secondary_phy=hci.Phy.LE_1M,
        advertising_sid=0,
        tx_power=0,
        rssi=rssi_dbm,
        periodic_advertising_interval=0,
        direct_address_type=0,
        direct_address=hci.Address.ANY,
        data=advert.data,
    )


def _given_up(peer: hci.Address) -> hci.HCI_LE_Connection_Complete_Event:
    """What a controller says when a connection attempt was cancelled: Core 5.4 vol 4 part E 7.8.13."""
    return hci.HCI_LE_Connection_Complete_Event(
        status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
        connection_handle=0,
        role=hci.Role.CENTRAL,
        peer_address_type=peer.address_type,
        peer_address=peer,
        connection_interval=0,
        peripheral_latency=0,
        supervision_timeout=0,
        central_clock_accuracy=0,
    )
