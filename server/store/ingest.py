"""One transaction: what arrived is stored, looked at and alerted, and the watermarks move; all of it or nothing.

The order of locks is the same everywhere, which makes deadlocks impossible: shares of buckets,
watermarks, devices, readings, `latest` and stream states, marks of what the slow rules must look at, events, what homes
remember, subjects, gateways, their configurations and commands, deadlines and alerts, teams; each by key.
Rows that others refer to are locked FOR NO KEY UPDATE, for a foreign key takes a lock on them out of this order.
"""

import contextlib
import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from devices.vocabulary import EventType
from devices.wire.columns import to_millis
from devices.wire.messages import Lane, Receipt, Refusal
from devices.wire.topics import Channel, Topic
from server.alerts.findings import Finding, rows_lost, set_aside, subject_of
from server.alerts.model import Subject, gateway_subject
from server.detection import engine
from server.detection.marks import Marks, marks_of
from server.detection.panel import Delta, Panel
from server.store import (
    alerts,
    assessing,
    delivery,
    events,
    excuses,
    gateways,
    happenings,
    heartbeats,
    homes,
    observations,
    proofs,
    retries,
    signals,
    streams,
    teamlog,
)
from server.store.delivery import Aside, LaneKey
from server.store.devices import Bindings, Names
from server.store.events import FiledEvent
from server.store.intake import Heartbeat, Opened, Parcel, Unusable, digest
from server.store.retries import Outcome
from server.store.rows import NEWEST_MINUTES, OLDEST_DAYS, Rows, Section, gather, is_patients, kept
from server.store.unfold import Accepted, event_aside, events_of, gaps_of, lost_of, new_rows, rows_aside
from server.store.watermark import Verdict, judge

DAY_MS: Final = 86_400_000
ASIDES_REMEMBERED: Final = 1000
UNKNOWN_WORDS: Final = "they say what this server does not know yet: is the gateway newer?"

log = logging.getLogger(__name__)

Fence = Callable[[psycopg.Connection, Collection[int]], None]


class Watch:
    """The panel that all lanes share: one batch with readings at a time; batches without any never wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.panel = Panel()

    def forget(self, patients: Collection[int] | None = None) -> None:
        """What the panel knows may no longer be what the database holds: limits changed, or an unknown COMMIT. None: of
        everybody."""
        with self.lock:
            if patients is None:
                self.panel = Panel()
            else:
                self.panel.forget(patients)


@dataclass(kw_only=True, slots=True)
class _Gathered:
    """What one transaction has found so far."""

    asides: list[Aside] = field(default_factory=list)
    unfiled: Counter[tuple[int, str]] = field(default_factory=Counter)  # rows set aside by gateway and reason
    findings: list[Finding] = field(default_factory=list)
    proofs: list[FiledEvent] = field(default_factory=list)
    delta: Delta | None = None
    awaits: Mapping[Subject, Mapping[str, datetime | None]] = field(default_factory=dict)  # of homes
    marked: Marks | None = None
    filed: int = 0
    happened: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """What is committed: the receipts to send, and how many readings were new."""

    receipts: list[tuple[Topic, Receipt]]
    readings: int


class Ingest:
    """A worker's connection and what it remembers. After any error of the connection make a new one."""

    def __init__(self, conn: psycopg.Connection, watch: Watch, fence: Fence | None = None) -> None:
        """`conn` is in autocommit mode, and this worker's alone. `fence`: that these buckets are ours, of several."""
        self._conn = conn
        self._fence = fence
        self._watch = watch
        self._names = Names()
        self._bindings = Bindings()
        self._days = observations.Days()
        self._epoch = delivery.epoch(conn)
        self._kept_aside: deque[str] = deque(maxlen=ASIDES_REMEMBERED)

    def file(self, opened: Sequence[Opened], now: datetime) -> Filed:
        parcels = [each for each in opened if isinstance(each, Parcel)]
        beats = [each for each in opened if isinstance(each, Heartbeat)]
        strange = [each for each in opened if isinstance(each, Unusable)]
        self._meet(parcels, beats, now)
        with self._watching(parcels):
            gathered = _Gathered(asides=self._new(strange))
            with self._conn.transaction():
                marks = self._transaction(parcels, beats, gathered, now)
            self._apply(gathered)
        self._remember(gathered.asides)
        receipts = [*self._receipts(parcels, beats, marks), *self._refusals(strange)]
        return Filed(receipts=receipts, readings=gathered.filed)

    def file_again(self, try_: int, parcel: Parcel, now: datetime) -> None:
        """A message that was set aside: around its lane's watermark, which has moved past it. What is told of it now
        is late. Its try is answered in the same transaction, unless somebody else has it."""
        self._meet([parcel], [], now)
        with self._watching([parcel]):
            gathered = _Gathered()
            with self._conn.transaction():
                if not retries.hold(self._conn, try_):
                    return
                outcome = self._again(Accepted(parcel=parcel, key=self._key(parcel), mark=0), gathered, now)
                retries.answered(self._conn, try_, outcome, now)
            self._apply(gathered)

    def _again(self, whole: Accepted, gathered: _Gathered, now: datetime) -> Outcome:
        self._hold_devices([whole])
        if whole.parcel.body.observations.seq:
            self._file_readings([whole], gathered, now)
        refused, why = sum(gathered.unfiled.values()), [reason for _, reason in gathered.unfiled]
        gathered.asides.clear()  # they are kept since it came first
        if whole.parcel.aside is not None:
            refused, why = refused + len(whole.parcel.strange), [*why, whole.parcel.aside.reason]
        self._file_events([whole], gathered, now, again=True)
        self._file_gaps([whole])
        delivery.set_aside(self._conn, gathered.asides, now)
        self._alert([], gathered, now)
        return Outcome(stored=gathered.filed, events=gathered.happened, refused=refused, why="; ".join(why))

    def _apply(self, gathered: _Gathered) -> None:
        """After the commit."""
        if gathered.delta is not None:
            self._watch.panel.apply(gathered.delta)
        if gathered.marked is not None:
            self._watch.panel.mark(*gathered.marked.known())

    def _new(self, strange: Sequence[Unusable]) -> list[Aside]:
        """A message that is sent again and again is kept once."""
        once = {digest(each.aside.payload): each.aside for each in strange}
        return [aside for key, aside in once.items() if key not in self._kept_aside]

    def _remember(self, asides: Iterable[Aside]) -> None:
        self._kept_aside.extend(digest(aside.payload) for aside in asides)

    @contextlib.contextmanager
    def _watching(self, parcels: Iterable[Parcel]) -> Iterator[None]:
        if any(parcel.body.observations.seq for parcel in parcels):
            with self._watch.lock:
                try:
                    yield
                except BaseException:
                    self._watch.panel = Panel()  # before another lane can use what may not be what was committed
                    raise
        else:
            yield

    def _meet(self, parcels: Sequence[Parcel], beats: Sequence[Heartbeat], now: datetime) -> None:
        """Ids and partitions, in transactions of their own: they may lock what the batch must not wait for."""
        topics = [parcel.topic for parcel in parcels] + [beat.topic for beat in beats]
        self._names.learn_gateways(self._conn, {topic.gateway: topic.bucket for topic in topics})
        self._names.learn_devices(self._conn, {address for parcel in parcels for address in parcel.body.devices}, now)
        oldest = to_millis(now) // DAY_MS - OLDEST_DAYS - 1
        newest = (to_millis(now + timedelta(minutes=NEWEST_MINUTES))) // DAY_MS
        days = set().union(*[_days(parcel.body.observations.taken_at) for parcel in parcels])
        wanted = [day for day in days if oldest <= day <= newest]
        if wanted:
            self._days.ensure(self._conn, np.array(sorted(wanted), "datetime64[D]"))

    def _transaction(
        self, parcels: Sequence[Parcel], beats: Sequence[Heartbeat], gathered: _Gathered, now: datetime
    ) -> dict[LaneKey, int]:
        """The marks after it."""
        conn = self._conn
        if self._fence is not None:
            topics = [parcel.topic for parcel in parcels] + [beat.topic for beat in beats]
            self._fence(conn, {topic.bucket for topic in topics})
        accepted, marks = self._judge(parcels, now)
        self._set_bodies_aside(accepted, gathered)
        self._hold_devices(accepted)
        if any(each.parcel.body.observations.seq for each in accepted):
            self._file_readings(accepted, gathered, now)
        self._file_events(accepted, gathered, now)
        self._file_gaps(accepted)
        self._declare_lost(accepted, gathered, now)
        self._tell_unfiled(gathered, now)
        delivery.set_aside(conn, gathered.asides, now)
        delivery.move_lanes(conn, marks, now)
        self._alert(beats, gathered, now)
        outboxes = {(key.gateway_id, key.outbox) for key in marks}
        outboxes |= {(self._names.gateways[b.topic.gateway], b.status.outbox) for b in beats if b.status.hello}
        return delivery.marks(conn, outboxes)

    def _judge(self, parcels: Sequence[Parcel], now: datetime) -> tuple[list[Accepted], dict[LaneKey, int]]:
        keys = [self._key(parcel) for parcel in parcels]
        if not keys:
            return [], {}
        marks = delivery.hold_lanes(self._conn, keys, now)
        accepted = []
        for key, parcel in zip(keys, parcels, strict=True):
            if judge(marks[key], parcel.header) is Verdict.FILE:
                accepted.append(Accepted(parcel=parcel, key=key, mark=marks[key]))
                marks[key] = parcel.header.last
        return accepted, marks

    def _key(self, parcel: Parcel) -> LaneKey:
        gateway_id = self._names.gateways[parcel.topic.gateway]
        return LaneKey(gateway_id, parcel.header.outbox, Lane(parcel.header.lane))

    def _set_bodies_aside(self, accepted: Sequence[Accepted], gathered: _Gathered) -> None:
        for each in accepted:
            if each.parcel.aside is not None:
                gathered.asides.append(each.parcel.aside)
                why = UNKNOWN_WORDS if each.parcel.strange else "they could not be read or filed"
                gathered.unfiled[each.key.gateway_id, why] += new_rows(each)

    def _hold_devices(self, accepted: Sequence[Accepted]) -> None:
        ids = {self._names.devices[address] for each in accepted for address in each.parcel.body.devices}
        if ids:
            self._bindings.hold(self._conn, list(ids))

    def _file_readings(self, accepted: Sequence[Accepted], gathered: _Gathered, now: datetime) -> None:
        sections = [
            Section(
                body=each.parcel.body,
                mark=each.mark,
                received_us=to_millis(each.parcel.arrival.received_at) * 1000,
            )
            for each in accepted
        ]
        rows = gather(sections, self._names.devices)
        room = kept(rows)
        if not room.all():
            gathered.asides += rows_aside(rows.where(~room), accepted)
            for source in rows.source[~room].tolist():
                why = "their time is in the future or too long ago: is the gateway's clock right?"
                gathered.unfiled[accepted[source].key.gateway_id, why] += 1
            rows = rows.where(room)
        rows = self._bindings.bind(rows)
        patients = is_patients(rows)
        gathered.filed += observations.file_device_readings(self._conn, rows.where(~patients))
        if patients.any():
            self._file_patients(rows.where(patients), gathered, now)

    def _file_patients(self, rows: Rows, gathered: _Gathered, now: datetime) -> None:
        batch = observations.begin_batch(self._conn)
        fresh = observations.file_readings(self._conn, rows, batch)
        if len(fresh):
            gathered.filed += len(fresh)
            seen = streams.for_detection(fresh)
            panel = self._watch.panel
            if unknown := panel.missing(seen):
                panel.hydrate(streams.settings(self._conn, unknown, now))
            found, gathered.delta = engine.step(panel, seen, to_millis(now))
            gathered.findings += found
            streams.move(self._conn, gathered.delta, panel.look_up(gathered.delta.streams["key"])["last_ms"])
            gathered.marked = assessing.mark(self._conn, marks_of(panel, seen, to_millis(now)))
            signals.send(self._conn, signals.Channel.READINGS, batch.number)

    def _file_events(
        self, accepted: Sequence[Accepted], gathered: _Gathered, now: datetime, *, again: bool = False
    ) -> None:
        heard = [event for each in accepted for event in events_of(each, self._names.devices, self._bindings)]
        gathered.proofs = [event for event in heard if event.type is EventType.PROOF]
        fresh = events.file_events(self._conn, [event for event in heard if event.type is not EventType.PROOF])
        if not fresh:
            return
        gathered.happened += len(fresh)
        if again:  # it is news of long ago
            fresh = [replace(event, received_at=now) for event in fresh]
        doors = [event for event in fresh if happenings.is_front_door_opening(event)]
        night = gateways.at_night(self._conn, [(door.binding.home_id, door.occurred_at) for door in doors])
        by_night = {id(door) for door, is_night in zip(doors, night, strict=True) if is_night}
        stands_in = gateways.homes_of(self._conn, {event.gateway_id for event in fresh})
        found = happenings.findings(fresh, stands_in, [id(event) in by_night for event in fresh])
        gathered.findings += excuses.without_excused(self._conn, found)
        gathered.asides += _notes(fresh, stands_in)
        moved = homes.hear(self._conn, fresh, now)
        gathered.findings += moved.findings
        gathered.awaits = moved.awaits

    def _file_gaps(self, accepted: Sequence[Accepted]) -> None:
        events.file_gaps(
            self._conn, [gap for each in accepted for gap in gaps_of(each, self._names.devices, self._bindings)]
        )

    def _declare_lost(self, accepted: Sequence[Accepted], gathered: _Gathered, now: datetime) -> None:
        ranges = [lost for each in accepted for lost in lost_of(each)]
        news = delivery.declare_lost(self._conn, ranges, now)
        stands_in = gateways.homes_of(self._conn, {lost.key.gateway_id for lost in news}) if news else {}
        for lost in news:
            subject = gateway_subject(lost.key.gateway_id, home=stands_in.get(lost.key.gateway_id))
            gathered.findings.append(rows_lost(subject, now, rows=lost.last - lost.first + 1, why=lost.why))

    def _tell_unfiled(self, gathered: _Gathered, now: datetime) -> None:
        """What is accepted and not stored is an alert, whatever the reason."""
        if not gathered.unfiled:
            return
        stands_in = gateways.homes_of(self._conn, {gateway for gateway, _ in gathered.unfiled})
        for (gateway, why), rows in gathered.unfiled.items():
            subject = gateway_subject(gateway, home=stands_in.get(gateway))
            gathered.findings.append(set_aside(subject, now, rows=rows, why=why))

    def _alert(self, beats: Sequence[Heartbeat], gathered: _Gathered, now: datetime) -> None:
        conn = self._conn
        heard = heartbeats.of(beats, self._names.gateways)
        subjects = {subject_of(finding) for finding in gathered.findings} | {beat.subject for beat in heard}
        subjects |= gathered.awaits.keys()
        subjects |= {gateway_subject(proof.gateway_id) for proof in gathered.proofs}
        if not subjects:
            return
        held = alerts.hold(conn, subjects)
        found, entries = heartbeats.hear(conn, heard, held)
        proven, told = proofs.hear(conn, gathered.proofs, held, now)
        homes.expect(conn, gathered.awaits, held)
        findings, entries = [*gathered.findings, *found, *proven], [*entries, *told]
        if findings:
            changes = alerts.decided(conn, held, findings, now)
            entries = [*alerts.write(conn, changes), *entries]
        teamlog.append(conn, entries, now)

    def _receipts(
        self, parcels: Sequence[Parcel], beats: Sequence[Heartbeat], marks: dict[LaneKey, int]
    ) -> Iterator[tuple[Topic, Receipt]]:
        asked = {(parcel.topic.bucket, parcel.topic.gateway, parcel.header.outbox) for parcel in parcels}
        asked |= {(b.topic.bucket, b.topic.gateway, b.status.outbox) for b in beats if b.status.hello}
        for bucket, gateway, outbox in asked:
            id_ = self._names.gateways[gateway]
            receipt = Receipt(
                gateway=gateway,
                outbox=outbox,
                epoch=self._epoch,
                alarm=marks.get(LaneKey(id_, outbox, Lane.ALARM), 0),
                bulk=marks.get(LaneKey(id_, outbox, Lane.BULK), 0),
            )
            yield _receipt_topic(bucket, gateway), receipt

    def _refusals(self, strange: Sequence[Unusable]) -> Iterator[tuple[Topic, Receipt]]:
        refused: dict[tuple[int, str], list[Refusal]] = {}
        for each in strange:
            if each.refusal is not None and each.topic is not None:
                refused.setdefault((each.topic.bucket, each.topic.gateway), []).append(each.refusal)
        for (bucket, gateway), refusals in refused.items():
            yield _receipt_topic(bucket, gateway), Receipt(gateway=gateway, epoch=self._epoch, refused=refusals)


def _notes(fresh: Iterable[FiledEvent], stands_in: Mapping[int, int]) -> Iterator[Aside]:
    for event in fresh:
        if event.claimed_at is not None:
            yield event_aside(event, f"it cannot be of {event.claimed_at:%Y-%m-%d %H:%M}; filed as of its arrival")
        if happenings.reaches_nobody(event, stands_in):
            log.error("%s of %s through %s reaches no team", event.type, event.address, event.topic.gateway)
            yield event_aside(event, "the device is nobody's and the gateway stands in no home: nobody was alerted")


def _days(taken_at: Sequence[int]) -> Iterable[int]:
    """Nearly always one."""
    if not taken_at:
        return ()
    first, last = min(taken_at) // DAY_MS, max(taken_at) // DAY_MS
    return (first,) if first == last else {taken // DAY_MS for taken in taken_at}


def _receipt_topic(bucket: int, gateway: str) -> Topic:
    return Topic(bucket=bucket, gateway=gateway, channel=Channel.RECEIPT)
