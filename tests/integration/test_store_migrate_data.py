"""Every earlier version of the schema, with rows in every table, comes up to today's and keeps them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from devices.vocabulary import Kind, Observation
from server.store import pool
from server.store.ingest import Ingest, Watch
from server.store.intake import open_one
from server.store.migrate import migrate, shipped
from tests import servers
from tests.integration.ingest_rig import METER, NOW, OXIMETER, WORLD, batch, sent

pytestmark = pytest.mark.integration

TAKEN = datetime(2026, 2, 1, 8, 0, tzinfo=UTC)
EARLIER = range(1, len(shipped()))
HELD_READINGS = 2  # from this version on there are some among the rows

# What each version of the schema could hold more than the one before it.
ROWS = {
    1: WORLD
    + """
insert into staff_team values (1, 1, 'nurse');
insert into session (token_hash, staff_id, expires_at) values ('\\x01', 1, 'infinity');
insert into gateway_outbox values (1, 'aa', '2026-02-01Z', '2026-02-01Z');
insert into binding (device_id, slot, patient_id, valid_from) values (4, 2, 1, '2025-01-01Z');
insert into watermark values (1, 'aa', 'bulk', 7, '2026-02-01Z');
insert into lost_rows values (1, 'aa', 'bulk', 3, 4, 'thinned', '2026-02-01Z');
insert into set_aside (at, gateway, topic, reason, payload) values ('2026-02-01Z', 'gw-one', 't', 'r', '\\x02');
insert into stream_gap values (1, 0, 1, '2026-02-01Z', '2026-02-01 00:01Z', 'sensor_off');
insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, gateway_id)
values (2, 0, 'sos', '2026-02-01Z', '2026-02-01Z', 0, 1, 1);
insert into latest values (1, 1, '2026-02-01 08:00Z', 95, 0, 0, 0, 0, 1, '2026-02-01 08:00Z', 1);
insert into device_observation values (4, 0, 6, '2026-02-01Z', 0, null, 80, null, null, 1, 0, 0, 0, 0, '2026-02-01Z');
insert into patient_limit (patient_id, kind, red_low, reason) values (1, 1, 86, 'test');
insert into stream_state values (1, 1, '2026-02-01 08:00Z', 0, null, 0, null, null);
insert into subject (type, reference) values ('patient', '1');
insert into alert (team_id, subject_id, patient_id, rule, priority, state, began_at, raised_at, last_at, late, evidence)
values (1, 1, 1, 'limit:spo2:low', 'red', 'raised', '2026-02-01Z', '2026-02-01Z', '2026-02-01Z', false, '{}');
insert into alert_history values (1, 1, '2026-02-01Z', 'raised', null);
insert into alert_seen values (1, 'screen', 1, '2026-02-01Z');
insert into team_log values (1, 1, '2026-02-01Z', 'alert', 1, '{}');
insert into deadline (type, subject_id, due_at, every_s) values ('gateway_silent', 1, '2026-02-02Z', 30);
insert into role_life values ('monitor', '2026-02-01Z', '2026-02-01Z');
insert into access_log (staff_id, patient_id, what) values (1, 1, 'series');
""",
    2: """
select observation_days(array['2026-02-01Z']::timestamptz[]);
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, n, quality, sign, clock, mode,
                         received_at)
values (1, 3, '2026-02-01 08:00Z', 0, 1, 95, 1, 0, 0, 0, 0, '2026-02-01 08:00Z'),
       (1, 4, '2026-02-01 08:00Z', 0, 4, 6.1, 1, 0, 0, 0, 0, '2026-02-01 08:00Z'),
       (2, 4, '2026-02-01 08:00Z', 0, 4, 7.2, 1, 0, 0, 0, 0, '2026-02-01 08:00Z');
""",
    5: """
insert into gateway_config (gateway_id, version, content, digest, made_at) values (1, 1, 'null', 'd', '2026-02-01Z');
insert into gateway_command (id, gateway_id, content, made_at, until_at)
values ('c', 1, '{}', '2026-02-01Z', '2026-02-01 00:10Z');
""",
    6: """
update observation set slot = 2 where patient_id = 1 and kind = 4;
insert into rebinding (device_id, slot, from_at, to_at, changed_by, changed_at, reason, before, after, done_at)
values (4, 2, '2026-01-01Z', 'infinity', 'kari', '2026-02-01Z', 'test', '[]', '[]', '2026-02-01Z');
insert into refiling values (1, 'reading', 2, 0, 1, 0, 3, '2026-01-01Z', '2026-01-02Z');
insert into retention_decision (keep_days, decided_by, decided_at, reason) values (400, 'kari', '2026-02-01Z', 'test');
insert into deletion (decision_id, at, what, before, rows) values (1, '2026-02-01Z', 'latest', '2025-01-01Z', 1);
""",
    7: """
insert into spark values (1, 1, '2026-02-01Z', 1, '\\x00');
do $$ begin
    -- On TimescaleDB it is no table.
    if exists (select from pg_class where oid = to_regclass('observation_hour') and relkind = 'r') then
        insert into observation_hour
        values (1, 3, '2026-02-01 08:00Z', 95, 95, 95, 1, 1, '2026-02-01 08:00Z', '2026-02-01 08:00Z', 0);
        insert into observation_dirty values (1, 3, '2026-02-01 08:00Z');
    end if;
end $$;
""",
    8: """
insert into care_fact (patient_id, type, at, value, said_by, said_at)
values (1, 'oxygen_seen', '2026-02-01Z', '{"on": true}', 1, '2026-02-01Z');
insert into pathway_limit (team_id, pathway, kind, red_low, set_by, set_at, reason)
values (1, 'kols', 3, 86, 1, '2026-02-01Z', 'test');
insert into rule_setting (rule, patient_id, enabled, set_by, set_at, reason)
values ('trend', 1, false, 1, '2026-02-01Z', 'test');
insert into measuring_plan (patient_id, kind, weekdays, times, before_min, after_min, set_by, set_at, reason)
values (1, 3, '{1,2}', '{08:00}', 60, 60, 1, '2026-02-01Z', 'test');
insert into excuse (patient_id, why, from_at, to_at, said_by, said_at)
values (1, 'hospital', '2026-02-01Z', '2026-02-02Z', 1, '2026-02-01Z');
insert into assessment values (1, 3, '2026-02-01Z', '2026-02-01Z');
insert into home_state select id, '{}', '2026-02-01Z' from home limit 1;
""",
    9: """
insert into done_once values (1, 'key', '2026-02-01Z', '\\x01', '{}');
""",
    11: """
insert into observation_dirty values (2, 3, '2026-02-01 08:00Z');
""",
    13: """
insert into home_unsettled values (2, '2026-02-01Z');
""",
    15: """
insert into snooze (alert_id, rule, direction, up_to, from_at, until_at, said_by, reason)
values (1, 'limit:spo2:low', 'low', 'yellow', '2026-02-01Z', '2026-02-01 08:00Z', 1, 'test');
insert into snooze_setting (team_id, priority, most_min, set_by, set_at, reason)
values (1, 'yellow', 60, 1, '2026-02-01Z', 'test');
""",
    16: """
insert into staff_way (staff_id, way, address, lane, added_at) values (1, 'sms', '+4790000001', 'sms', '2026-02-01Z');
insert into notice (purpose, alert_id, rev, step, staff_id, way_id, way, lane, made_at, due_at, next_at)
values ('alert', 1, 1, 0, 1, 1, 'sms', 'sms', '2026-02-01Z', '2026-02-01Z', '2026-02-01Z');
""",
    17: """
insert into municipality values ('0301', 'Oslo');
insert into municipality_team values ('0301', 1);
insert into patient_change (patient_id, what, at, changed_by, reason) values (1, 'details', '2026-02-01Z', 1, 'test');
insert into national_number values (1, '\\x01', '\\x02', 1, '2026-02-01Z');
insert into patient_record (patient_id, type, content, set_by, set_at, reason)
values (1, 'contacts', '{"contacts": []}', 1, '2026-02-01Z', 'test');
insert into home_address (home_id, address, from_at, set_by, set_at, reason)
select id, 'Storgata 1', '2026-02-01Z', 1, '2026-02-01Z', 'test' from home limit 1;
insert into home_access (home_id, key_box, set_by, set_at, reason)
select id, 'left of the door', 1, '2026-02-01Z', 'test' from home limit 1;
insert into recall (team_id, device_id, why, since) values (1, 1, 'dead', '2026-02-01Z');
""",
    18: """
insert into duty (team_id, staff_id, part, from_at, started_by) values (1, 1, 'duty', '2026-02-01Z', 1);
insert into chain_set (team_id, priority, unlogged_s, again_s, set_by, set_at, reason)
values (1, 'red', 900, 300, 1, '2026-02-01Z', 'test');
insert into chain_step (set_id, chain, position, weekdays, from_time, to_time, part, after_s)
values (1, 1, 1, '{1}', '00:00', '00:00', 'duty', 0);
insert into service_hours (team_id, priority, set_by, set_at, reason) values (1, 'yellow', 1, '2026-02-01Z', 'test');
insert into alert_call (alert_id, rev, place, step, staff_id, name, at) values (1, 1, 0, 1, 1, 'Kari', '2026-02-01Z');
""",
    19: """
insert into way_offer (way, offered) values ('sms', true);
""",
    20: """
insert into roster (team_id, digest, patients) values (1, '\\x01', '{1}');
insert into break_glass (staff_id, patient_id, team_id, reason, at, until_at)
values (1, 1, 1, 'nobody answered', '2026-02-01Z', '2026-02-01 04:00Z');
insert into access_log (staff_id, team_id, deed, what, roster_id) select 1, 1, 'board', 'board', id from roster;
""",
    21: """
insert into alarm_proof (gateway_id, day, command, asked_at) values (1, '2026-02-01', 'c', '2026-02-01Z');
""",
    26: """
insert into outage_gateway values (1, 1, '2026-02-01Z', true, '2026-02-01Z');
""",
    27: """
insert into measurement_ask (alert_id, kind, asked_at, asked_by, until_at)
values (1, 3, '2026-02-01Z', 1, '2026-02-01 01:00Z');
""",
    22: """
insert into knock (key, tries, over_at) values ('\\x01', '{2026-02-01Z}', '2026-02-01 00:05Z');
""",
    24: """
insert into second_factor (staff_id, sealed, made_at) values (1, '\\x01', '2026-02-01Z');
insert into recovery_code (staff_id, hash) values (1, '\\x01');
""",
    25: """
insert into staff_subject values ('https://id.example', 'somebody', 1, '2026-02-01Z');
""",
    28: """
insert into retention_decision (about, keep_days, decided_by, decided_at, reason)
values ('thinning', 90, 'kari', '2026-02-01Z', 'test');
""",
    29: """
insert into staff (login, name, initials, password_hash, machine) values ('machine:x', 'x', 'X', '!', true);
insert into machine_token (staff_id, token_hash, scopes, made_at, made_by, expires_at)
select id, '\\x01', '{board:read}', '2026-02-01Z', 'kari', '2026-03-01Z' from staff where machine;
""",
    30: """
insert into authority (certificate, sealed_key, made_at) values ('c', '\\x01', '2026-02-01Z');
insert into birth values ('7K3M-9TQZ-2WXB', 'gw-1', '2026-02-01Z');
insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway)
values ('7K3M-9TQZ-2WXB', 'k', 'r', '\\x01', '2026-02-01Z', '2026-02-01Z', 'issued', 'gw-1');
insert into certificate (serial, gateway_id, enrolment_id, certificate, key, not_before, not_after)
select '1', 1, id, 'c', 'k', '2026-02-01Z', '2026-05-01Z' from enrolment;
""",
    33: """
insert into thinned_reading values (1, 0, 3, '2025-01-01Z', '{0, 60000}');
""",
    34: """
insert into device_key values (1, '\\x01', '2026-02-01Z', 1);
insert into prepared values (2, 1, 1, '2026-02-01Z');
insert into pairing_part (home_id, device_id, slot, bound_from, part, at, staff_id, rests_on)
values (1, 1, 0, '2026-02-01Z', 'person', '2026-02-01Z', 1, 'r');
insert into room_signal (home_id, room, device_id, gateway_id, rssi_dbm, at, staff_id)
values (1, 'bad', 1, 1, -60, '2026-02-01Z', 1);
insert into trial (home_id, gateway_id, proof_id, staff_id, asked_at, until_at)
select 1, 1, max(id), 1, '2026-02-01Z', '2026-02-01 00:02Z' from alarm_proof;
insert into installation_protocol (home_id, at, staff_id, remark, missing, content)
values (1, '2026-02-01Z', 1, '', '{}', '{}');
""",
    35: """
insert into code_demand (roles, set_by, set_at, reason) values ('{nurse}', 1, '2026-02-01Z', 'test');
""",
    36: """
insert into duty_plan (team_id, staff_id, part, from_at, to_at, set_by, set_at)
values (1, 1, 'duty', '2026-02-01Z', '2026-02-02Z', 1, '2026-01-01Z');
insert into member_change (team_id, staff_id, role, set_by, set_at, reason)
values (1, 1, 'nurse', 1, '2026-02-01Z', 'test');
""",
    37: """
insert into part_certificate (name, key, csr, hosts, asked_at)
values ('hv_broker', 'k', 'r', '{localhost}', '2026-02-01Z');
insert into revocation_list (pem, of, made_at) values ('p', 'd', '2026-02-01Z');
""",
    40: """
insert into monitor values ('m', 'h', '2026-02-01Z', '2026-02-01Z', true);
insert into bucket_share values (7, 'm');
""",
    41: """
insert into gateway_command (id, gateway_id, content, made_at, until_at, staff_id)
values ('d', 1, '{"command": "diagnose"}', '2026-02-01Z', '2026-02-01 00:10Z', 1);
insert into gateway_diagnosis values ('d', 1, '2026-02-01Z', '{}');
insert into rollout (team_ids, program, rings, made_at, made_by, ring_at, changed_at)
values ('{1}', '1.0', '{1}', '2026-02-01Z', 1, '2026-02-01Z', '2026-02-01Z');
insert into rollout_gateway (rollout_id, gateway_id, ring, changed_at) values (1, 1, 1, '2026-02-01Z');
""",
    42: """
insert into set_aside_try (set_aside_id, asked_by, asked_at, reason) values (1, 1, '2026-02-01Z', 'test');
""",
    44: """
insert into team_change (team_id, name, changed_by, changed_at, reason) values (1, 'one', 1, '2026-02-01Z', 'test');
""",
}

MADE_ANEW = {"spark"}  # from the readings, by the clock role; its form may change


def filled(dsn: str, version: int) -> None:
    migrate(dsn, migrations=shipped()[:version])
    with psycopg.connect(dsn) as conn:
        for since, statements in ROWS.items():
            if since <= version:
                conn.execute(statements.encode())
        if conn.execute("select from pg_extension where extname = 'timescaledb'").fetchone() and version >= 2:
            conn.execute("select compress_chunk(chunk, true) from show_chunks('observation') chunk")


def columns(conn: psycopg.Connection) -> dict[str, list[str]]:
    """Of every table; a partition's rows are its table's."""
    found = conn.execute("""
        select t.relname, array_agg(c.attname order by c.attnum) from pg_class t
        join pg_attribute c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
        where t.relnamespace = 'public'::regnamespace and t.relkind in ('r', 'p') and not t.relispartition
        group by t.relname""")
    return dict(found.fetchall())


def contents(conn: psycopg.Connection, wanted: dict[str, list[str]]) -> dict[str, Counter[str]]:
    return {table: Counter(rows(conn, table, names)) for table, names in wanted.items()}


def rows(conn: psycopg.Connection, table: str, names: list[str]) -> Iterator[str]:
    chosen = SQL(", ").join(map(Identifier, names))
    question = SQL("select to_jsonb(x) from (select {} from {}) x").format(chosen, Identifier(table))
    for (row,) in conn.execute(question):
        yield json.dumps(row, sort_keys=True)


def ask(dsn: str, question: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(question.encode()).fetchall()


@dataclass(frozen=True, kw_only=True)
class Brought:
    """A database that was filled at an earlier version and came up to today's: what its tables held before and after,
    and the migrations that it took."""

    version: int
    dsn: str
    before: dict[str, Counter[str]]
    after: dict[str, Counter[str]]
    applied: list[str]


@pytest.fixture(scope="module", params=EARLIER)
def brought(postgres: servers.Server, request: pytest.FixtureRequest) -> Iterator[Brought]:
    """One for both tests of a version, which pytest runs in a row."""
    name, dsn = servers.create_any(postgres)
    filled(dsn, request.param)
    with psycopg.connect(dsn) as conn:
        tables = columns(conn)
        before = contents(conn, tables)
    applied = migrate(dsn)
    with psycopg.connect(dsn) as conn:
        after = contents(conn, tables)
    yield Brought(version=request.param, dsn=dsn, before=before, after=after, applied=applied)
    servers.drop(postgres, name)


def test_every_row_of_an_earlier_version_is_there_afterwards(brought: Brought) -> None:
    assert [table for table, found in brought.before.items() if not found] == [], "a table whose rows nobody looks at"
    assert len(brought.applied) == len(shipped()) - brought.version
    lost = {table: rows - brought.after[table] for table, rows in brought.before.items() if table not in MADE_ANEW}
    assert {table: gone for table, gone in lost.items() if gone} == {}


def test_readings_of_an_earlier_version_that_come_again_are_not_doubled(brought: Brought) -> None:
    spo2 = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=TAKEN, value=95)
    glucose = [
        Observation(device=METER, kind=Kind.GLUCOSE, taken_at=TAKEN, value=value, slot=slot)
        for slot, value in ((0, 7.2), (2, 6.1))
    ]
    new = Observation(device=METER, kind=Kind.GLUCOSE, taken_at=NOW, value=5.0, slot=2)
    conn = pool.connect(brought.dsn, name="test", autocommit=True)
    try:
        filed = Ingest(conn, Watch()).file([open_one(sent(batch([spo2, *glucose, new])))], NOW)
    finally:
        conn.close()
    assert filed.readings == (1 if brought.version >= HELD_READINGS else 4)
    assert ask(brought.dsn, "select patient_id, slot, value from observation order by taken_at, value") == [
        (1, 2, 6.1),
        (2, 0, 7.2),
        (1, 0, 95),
        (1, 2, 5.0),
    ]
