-- How staff hear of alerts when nobody looks at a screen: their ways, and every call on one of them. Rows stay for ever.
create table staff_way (
    id bigint generated always as identity primary key,
    staff_id int not null references staff,
    way text not null check (way in ('push', 'sms', 'email')),
    address text not null,  -- the browser's endpoint, a number as +4791234567, a mail address
    keys jsonb,             -- of push: {"p256dh", "auth"}, which only the browser can decrypt for
    lane text not null,     -- whoever carries it; a slow one holds up no other
    language text not null default 'nb' check (language in ('nb', 'en')),
    enabled boolean not null default true,
    added_at timestamptz not null,
    confirmed_at timestamptz,  -- nobody is called on a way that its owner has not shown to work
    code_hash bytea,
    code_until timestamptz,
    code_tries smallint not null default 0,
    broken_since timestamptz,
    broken_why text not null default '',
    removed_at timestamptz,
    check ((way = 'push') = (keys is not null))
);
create unique index staff_way_once on staff_way (staff_id, way, address) where removed_at is null;

-- One call of one person on one way: about an alert, or about the way itself. `code` is forgotten when it was sent.
create table notice (
    id bigint generated always as identity primary key,
    purpose text not null check (purpose in ('alert', 'test', 'code', 'broken')),
    alert_id bigint references alert,
    rev int,
    step smallint,
    staff_id int references staff,
    way_id bigint references staff_way,
    phone text,             -- of nobody on the staff: a number in a chain
    way text not null check (way in ('push', 'sms', 'email')),
    lane text not null,
    state text not null default 'waiting'
        check (state in ('waiting', 'sent', 'delivered', 'seen', 'over', 'failed', 'dead')),
    made_at timestamptz not null,
    due_at timestamptz not null,   -- a later way of the same person waits for a receipt of the earlier
    next_at timestamptz not null,  -- when it is sent, or tried again; while somebody sends it, when others may
    tries smallint not null default 0,
    sent_at timestamptz,
    ended_at timestamptz,          -- in a state that it does not leave
    provider_id text,
    fault text not null default '',
    code text,
    check ((purpose = 'alert') = (alert_id is not null and rev is not null and step is not null)),
    check (num_nonnulls(way_id, phone) = 1 and (way_id is null) = (staff_id is null)),
    check (purpose = 'alert' or phone is null),
    check (code is null or purpose = 'code')
);
create unique index notice_once on notice (alert_id, rev, step, way_id) where way_id is not null and purpose = 'alert';
create unique index notice_once_phone on notice (alert_id, rev, step, phone) where phone is not null;
create index notice_due on notice (lane, next_at) where state = 'waiting';
create index notice_open on notice (alert_id) where state in ('waiting', 'sent', 'delivered');
create index notice_lost on notice (ended_at) where state in ('failed', 'dead');
create index on notice (way_id, id);

-- On which ways these staff are called, and in which order: whoever raises an alert may ask, and sees no address.
create function notice_ways(wanted int[]) returns table (staff_id int, way_id bigint, way text, lane text, turn bigint)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select w.staff_id, w.id, w.way, w.lane,
           dense_rank() over (partition by w.staff_id order by array_position(array['push', 'sms', 'email'], w.way)) - 1
    from staff_way w join staff on staff.id = w.staff_id and staff.active
    where w.staff_id = any(wanted) and w.enabled and w.confirmed_at is not null and w.broken_since is null
      and w.removed_at is null
$f$;

-- What an administrator or technician sees of the calls of their teams: no address, no number.
create view my_notices with (security_barrier) as
    select n.id, alert.team_id, n.alert_id, n.staff_id, staff.name as staff, n.way, n.state, n.tries, n.made_at, n.due_at,
           n.sent_at, n.ended_at, n.fault
    from notice n join alert on alert.id = n.alert_id left join staff on staff.id = n.staff_id
    where alert.team_id = any ((select my_equipment_teams())::int[]);

alter table staff_way enable row level security;
alter table notice enable row level security;
create policy own on staff_way to hjemvakt_api using (staff_id = my_staff_id());
create policy own on notice for select to hjemvakt_api using (staff_id = my_staff_id());
create policy of_my_alerts on notice for insert to hjemvakt_api with check (
    (purpose = 'alert' and exists (select from alert where alert.id = alert_id))
    or (purpose in ('test', 'code') and staff_id = my_staff_id()
        and exists (select from staff_way w where w.id = way_id and w.staff_id = my_staff_id())));
grant select, insert on staff_way to hjemvakt_api;
grant update (enabled, language, keys, confirmed_at, code_hash, code_until, code_tries, broken_since, broken_why, removed_at)
    on staff_way to hjemvakt_api;
grant insert on notice to hjemvakt_api;
grant select (id, purpose, alert_id, rev, step, staff_id, way_id, way, state, made_at, due_at, tries, sent_at, ended_at, fault)
    on notice to hjemvakt_api;
grant select on my_notices to hjemvakt_api;
