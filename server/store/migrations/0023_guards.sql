-- Whoever opens a patient in an emergency changes nothing: what 0020 says of its tables is said of those that came later, too.
create policy not_what_is_opened on alarm_proof as restrictive for all to hjemvakt_api using (is_of_my_teams(null, home_id));

-- A patient is of a team itself, whoever the home is of and whether there is one.
drop policy not_what_is_opened on patient;
drop policy not_what_is_opened_update on patient;
drop policy not_what_is_opened_delete on patient;
create policy not_what_is_opened on patient as restrictive for insert to hjemvakt_api with check (is_of_my_teams(id, null));
create policy not_what_is_opened_update on patient as restrictive for update to hjemvakt_api using (is_of_my_teams(id, null));
create policy not_what_is_opened_delete on patient as restrictive for delete to hjemvakt_api using (is_of_my_teams(id, null));

-- To lock a subject takes the right to update it. That is all it is for: what a subject is about never changes.
alter table subject enable row level security;
create policy anybody on subject for select to hjemvakt_api using (true);
create policy to_lock on subject for update to hjemvakt_api using (true) with check (false);
