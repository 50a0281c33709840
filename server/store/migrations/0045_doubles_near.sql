-- Who may be the same person: whoever has the number, wherever; and of the team, of the municipalities that it works for, or of
-- none as the team itself, who was born that day and has the same names, or all of them and more. Nobody hears by a name that
-- there is somebody of a municipality that the team has nothing to do with. That it was asked stands in the log of each.
create or replace function patient_doubles(for_team int, number_lookup bytea, called text, born date, at_now timestamptz)
    returns table (patient int, team int, name text, by_number boolean, ended boolean)
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    words constant text[] := person_words(called);
    near constant text[] := array(select municipality from municipality_team where team_id = for_team);
    each record;
begin
    if not for_team = any (my_registering_teams()) then
        raise insufficient_privilege;
    end if;
    for each in
        select p.id, p.team_id, p.name, n.patient_id is not null as numbered, p.ended_at is not null as over
        from patient p left join national_number n on n.patient_id = p.id and n.lookup = number_lookup
        where p.merged_into is null and (n.patient_id is not null or (
            p.born_on = born
            and (p.team_id = for_team or municipalities_of(p) && near or near || municipalities_of(p) = '{}')
            and (person_words(p.name) = words
                 or (person_words(p.name) @> words and cardinality(words) > 1)
                 or (words @> person_words(p.name) and cardinality(person_words(p.name)) > 1))))
        order by p.id
    loop
        insert into access_log (at, staff_id, patient_id, deed, what)
        values (at_now, my_staff_id(), each.id, 'look', 'possible double');
        patient := each.id;
        team := each.team_id;
        name := each.name;
        by_number := each.numbered;
        ended := each.over;
        return next;
    end loop;
end $f$;
