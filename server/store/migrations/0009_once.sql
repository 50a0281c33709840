-- A change that a screen sends again, because it did not hear the answer, is done once: what was answered then is answered again.
create table done_once (
    staff_id int not null references staff,
    key text not null,
    at timestamptz not null,
    request bytea not null,  -- digest of what was asked: the same key with another question is a mistake
    answer jsonb,            -- null: the transaction that does it is still under way
    primary key (staff_id, key)
);
create index on done_once (at);

alter table done_once enable row level security;
create policy own on done_once to hjemvakt_api using (staff_id = my_staff_id());
grant select, insert, delete on done_once to hjemvakt_api;
grant update (answer) on done_once to hjemvakt_api;

-- What staff say and set carries their own name; what nobody of the staff said, the patient did.
create policy in_own_name on care_fact as restrictive for insert to hjemvakt_api
    with check (said_by is null or said_by = my_staff_id());
create policy in_own_name on pathway_limit as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on rule_setting as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on measuring_plan as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on excuse as restrictive for insert to hjemvakt_api with check (said_by = my_staff_id());
create policy withdrawn_in_own_name on care_fact as restrictive for update to hjemvakt_api
    using (true) with check (withdrawn_by = my_staff_id());
create policy ended_in_own_name on excuse as restrictive for update to hjemvakt_api using (true) with check (ended_by = my_staff_id());

-- Taking something back has a reason, too.
alter table care_fact add column withdrawn_because text not null default '';
alter table excuse add column ended_because text not null default '';
grant update (withdrawn_because) on care_fact to hjemvakt_api;
grant update (ended_because) on excuse to hjemvakt_api;
