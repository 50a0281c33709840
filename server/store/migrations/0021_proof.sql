-- The daily trial of the alarm path, one row for each gateway and day: when it was asked for (by the server's clock), made (by the
-- gateway's), stored, and on a screen. Null: that half was not proven.
create table alarm_proof (
    id bigint generated always as identity primary key,
    gateway_id int not null references gateway,
    home_id int references home,  -- where it stood then
    day date not null,
    command text not null,
    asked_at timestamptz not null,
    made_at timestamptz,
    stored_at timestamptz,
    seen_at timestamptz,
    unique (gateway_id, day),
    check (seen_at is null or stored_at is not null)
);
create index on alarm_proof (day);

alter table alarm_proof enable row level security;
create policy mine on alarm_proof to hjemvakt_api using (
    exists (select from home where home.id = home_id and home.team_id = any ((select my_teams())::int[])));
grant select on alarm_proof to hjemvakt_api;
grant update (seen_at) on alarm_proof to hjemvakt_api;
