"""What an accepted batch holds besides its readings, row by row, and the readings that have no room. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import msgspec

from devices.vocabulary import ClockTrust
from devices.wire.codec import undeclared
from devices.wire.columns import from_millis
from server.store.delivery import Aside, LaneKey, LostRange
from server.store.devices import Bindings
from server.store.events import FiledEvent, FiledGap
from server.store.intake import Parcel
from server.store.rows import Rows, is_possible
from server.store.watermark import missing

UNDECLARED: Final = "undeclared"  # in lost_rows: neither sent nor declared lost


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """`mark`: what was committed of its lane before it; only rows above are filed."""

    parcel: Parcel
    key: LaneKey
    mark: int


def events_of(each: Accepted, device_ids: Mapping[str, int], bindings: Bindings) -> Iterator[FiledEvent]:
    columns = each.parcel.body.events
    received_at = each.parcel.arrival.received_at
    for row, seq in enumerate(columns.seq):
        if seq > each.mark:
            address = each.parcel.body.devices[columns.device[row]]
            device_id = device_ids[address]
            slot = columns.slot[row] if columns.slot else 0
            claimed = from_millis(columns.occurred_at[row])
            possible = is_possible(claimed, received_at)
            # Microseconds keep presses of one batch apart: an event is known by its device, type and time.
            at = claimed if possible else received_at + timedelta(microseconds=row)
            yield FiledEvent(
                device_id=device_id,
                slot=slot,
                type=columns.type[row],
                occurred_at=at,
                claimed_at=None if possible else claimed,
                received_at=received_at,
                clock=ClockTrust(columns.clock[row]) if columns.clock and possible else ClockTrust.ARRIVAL,
                gateway_id=each.key.gateway_id,
                binding=bindings.at(device_id, slot, at),
                address=address,
                topic=each.parcel.topic,
            )


def gaps_of(each: Accepted, device_ids: Mapping[str, int], bindings: Bindings) -> Iterator[FiledGap]:
    columns = each.parcel.body.gaps
    for row, seq in enumerate(columns.seq):
        if seq > each.mark:
            device_id = device_ids[each.parcel.body.devices[columns.device[row]]]
            slot = columns.slot[row] if columns.slot else 0
            from_at = from_millis(columns.from_at[row])
            yield FiledGap(
                device_id=device_id,
                slot=slot,
                from_at=from_at,
                to_at=from_millis(columns.to_at[row]),
                why=columns.why[row],
                binding=bindings.at(device_id, slot, from_at),
            )


def lost_of(each: Accepted) -> Iterator[LostRange]:
    header, body = each.parcel.header, each.parcel.body
    for lost in header.lost:
        if lost.last > each.mark:
            yield LostRange(key=each.key, first=max(lost.first, each.mark + 1), last=lost.last, why=str(lost.why))
    is_whole = each.parcel.aside is None or each.parcel.strange
    if is_whole and undeclared(header, body) != len(each.parcel.strange):
        for first, last in missing(each.mark, header, body, each.parcel.strange):
            yield LostRange(key=each.key, first=first, last=last, why=UNDECLARED)


def new_rows(each: Accepted) -> int:
    """How many rows its header announces that the lane did not have, without those that are lost; of a body with
    strange words, those rows alone."""
    header = each.parcel.header
    if each.parcel.strange:
        return sum(1 for seq in each.parcel.strange if seq > each.mark)
    first = max(each.mark, header.after) + 1
    lost = sum(max(0, gone.last - max(gone.first, first) + 1) for gone in header.lost)
    return max(0, header.last - first + 1 - lost)


def event_aside(event: FiledEvent, why: str) -> Aside:
    """A note about an event that is filed: what the technician must see of it."""
    known = {
        "device": event.address,
        "slot": event.slot,
        "type": event.type,
        "occurred_at": event.claimed_at or event.occurred_at,
        "received_at": event.received_at,
    }
    return Aside(
        gateway=event.topic.gateway,
        topic=str(event.topic),
        reason=f"{event.type} of {event.address}: {why}",
        payload=msgspec.json.encode(known),
    )


def rows_aside(rows: Rows, accepted: Sequence[Accepted]) -> Iterator[Aside]:
    """Readings from beyond the retention or from the future, each with both clocks."""
    for row in range(len(rows)):
        parcel = accepted[int(rows.source[row])].parcel
        columns = {name: column[row].item() for name, column in rows.parameters().items()}
        taken, came = columns["taken_at"], columns["received_at"]
        yield Aside(
            gateway=parcel.topic.gateway,
            topic=parcel.arrival.topic,
            reason=f"a reading of {taken:%Y-%m-%d %H:%M} came at {came:%Y-%m-%d %H:%M} by the server's clock (UTC)",
            payload=msgspec.json.encode(columns | {"outbox": parcel.header.outbox}),
        )
