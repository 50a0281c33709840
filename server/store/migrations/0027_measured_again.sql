-- Somebody who answers an alert has asked for a new measurement: it comes, or it is told that it did not.
create table measurement_ask (
    id bigint generated always as identity primary key,
    alert_id bigint not null references alert,
    kind smallint not null,
    asked_at timestamptz not null,
    asked_by int not null references staff,
    until_at timestamptz not null,
    measured_at timestamptz,  -- when the first value that answers it was taken
    missed_at timestamptz,    -- when it was told that none came, or a newer question took its place
    check (asked_at < until_at),
    check (measured_at is null or missed_at is null)
);
create index measurement_ask_of_alert on measurement_ask (alert_id, id);
create index measurement_ask_open on measurement_ask (id) where measured_at is null and missed_at is null;

alter table measurement_ask enable row level security;
create policy mine on measurement_ask to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
create policy in_own_name on measurement_ask as restrictive for insert to hjemvakt_api with check (asked_by = my_staff_id());
create policy not_what_is_opened on measurement_ask as restrictive for insert to hjemvakt_api
    with check (is_alert_of_my_teams(alert_id));
create policy not_what_is_opened_update on measurement_ask as restrictive for update to hjemvakt_api
    using (is_alert_of_my_teams(alert_id));
grant select, insert, update (missed_at) on measurement_ask to hjemvakt_api;
