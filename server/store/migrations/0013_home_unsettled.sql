-- Homes that must go through their past once more: their rules were set, or events turned out to be another home's. The clock takes
-- the rows away with what follows from it. Locked after events and before home_state.
create table home_unsettled (
    home_id int primary key references home,
    since timestamptz not null default now()
);

-- An update where there is a row already: whoever takes it away waits, and then sees this setting.
create function home_rule_set() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    insert into home_unsettled (home_id) values (new.home_id) on conflict (home_id) do update set since = excluded.since;
    return null;
end $f$;
create trigger home_rule_set after insert on rule_setting for each row when (new.home_id is not null) execute function home_rule_set();
