-- How often somebody knocks, counted for all api processes together; and an emergency that ends at the municipality's border.

-- One row for whoever tries something that may be guessed. `key`: a digest of what and who, so that no name or address is kept.
-- Rows that are over go when others come: there are never more than the tries of one window.
create table knock (
    key bytea primary key,
    tries timestamptz[] not null,
    over_at timestamptz not null
);
create index on knock (over_at);

-- Null: go on, and this try counts. Else the seconds to wait; a refused try does not count.
create function knock(which bytea, most int, within interval, at_now timestamptz) returns double precision
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    counted timestamptz[];
begin
    insert into knock (key, tries, over_at) values (which, '{}', at_now + within)
    on conflict (key) do update set key = excluded.key returning tries into counted;  -- which holds the row
    -- Only now, and only what nobody holds: whoever sweeps waits for nobody.
    delete from knock where key in (
        select key from knock where over_at <= at_now and key <> which order by over_at limit 20 for update skip locked);
    counted := array(select tried from unnest(counted) tried where tried > at_now - within order by tried);
    if cardinality(counted) >= most then
        return extract(epoch from counted[1] + within - at_now);
    end if;
    update knock set tries = counted || at_now, over_at = at_now + within where key = which;
    return null;
end $f$;
create function knock_opened(which bytea) returns void language sql security definer set search_path = public, pg_temp as
    $f$ delete from knock where key = which $f$;

-- The municipalities of which a patient is, or else for which the team works.
create function municipalities_of(patient_ patient) returns text[] language sql stable set search_path = public, pg_temp as
    $f$ select case when patient_.municipality is not null then array[patient_.municipality]
               else coalesce((select array_agg(municipality) from municipality_team where team_id = patient_.team_id), '{}') end $f$;

-- Who stands before the patient knows two things about him; who guesses one learns nothing. Told to the patient's team, in its
-- log and so on every screen, in the same transaction. A municipality answers for its own patients: only somebody who works for
-- it opens them. Where nobody has said which teams work for whom, all work for the same.
create or replace function break_glass_open(wanted text, born date, because text, lasts interval, at_now timestamptz) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    works_for constant text[] not null := coalesce(
        (select array_agg(distinct m.municipality) from staff_team s join municipality_team m on m.team_id = s.team_id
         where s.staff_id = my_staff_id() and s.role in ('nurse', 'doctor', 'coordinator')), '{}');
    anywhere constant boolean not null := not exists (select from municipality_team);
    their patient;
    opened bigint;
    seq bigint;
begin
    if not exists (select from staff_team where staff_id = my_staff_id() and role in ('nurse', 'doctor', 'coordinator')) then
        raise insufficient_privilege;
    end if;
    select * into their from patient p
    where p.reference = wanted and p.born_on = born and p.active and p.team_id <> all (my_teams())
      and (anywhere or municipalities_of(p) && works_for);
    if their.id is null then
        return null;
    end if;
    insert into break_glass (staff_id, patient_id, team_id, reason, at, until_at)
    values (my_staff_id(), their.id, their.team_id, because, at_now, at_now + lasts) returning id into opened;
    insert into access_log (at, staff_id, patient_id, deed, what, break_glass_id)
    values (at_now, my_staff_id(), their.id, 'emergency', 'emergency access', opened);
    update team set head = head + 1 where id = their.team_id returning head into seq;
    insert into team_log (team_id, seq, at, type, body)
    values (their.team_id, seq, at_now, 'break_glass', jsonb_build_object('break_glass', opened));
    perform pg_notify('hjemvakt_team', their.team_id::text);
    return opened;
end $f$;
revoke execute on function knock(bytea, int, interval, timestamptz), knock_opened(bytea), municipalities_of(patient) from public;
grant execute on function knock(bytea, int, interval, timestamptz), knock_opened(bytea) to hjemvakt_api;
