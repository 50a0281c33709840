-- A new authority beside the old one: both are trusted until nobody needs the old one any more. Its row stays for ever, without its key.

alter table authority drop constraint authority_pkey, add column id int generated always as identity primary key,
    add column ended_at timestamptz;
create unique index authority_standing on authority ((ended_at is null), made_at) where ended_at is null;

alter table certificate add column authority_id int references authority;  -- null: of the first one
update certificate set authority_id = (select min(id) from authority);

-- Whom everybody trusts, the newest first.
create or replace function authority_certificate() returns text language sql stable security definer set search_path = public, pg_temp as
    $f$ select string_agg(certificate, '' order by id desc) from authority where ended_at is null $f$;

-- Who would be lost with an authority: gateways that show its certificates and have used no other, and boxes that know it alone.
create function authority_needed(which int, at_now timestamptz)
    returns table (what text, name text, team_id int, until_at timestamptz, orders boolean)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select 'gateway', g.name, coalesce(h.team_id, g.depot_team_id), max(c.not_after), coalesce((g.status ->> 'orders')::boolean, false)
    from certificate c join gateway g on g.id = c.gateway_id left join home h on h.id = g.home_id
    where c.authority_id = which and c.revoked_at is null and c.not_after > at_now - interval '30 days' and not exists (
        select from certificate n where n.gateway_id = c.gateway_id and n.authority_id > which and n.revoked_at is null and n.used_at is not null)
    group by g.id, h.team_id
    union all
    select 'box', b.gateway, null, null, false from birth b
    where b.made_at < (select min(made_at) from authority where id > which)
      and not exists (select from enrolment e where e.code = b.code and e.state in ('accepted', 'issued'))
    order by 1, 2
$f$;
revoke execute on function authority_needed(int, timestamptz) from public;
