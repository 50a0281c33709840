-- A gateway that is lost or stolen leaves a home without a guard: its silence is an alert at once, and not after minutes. One that was
-- given back is awaited no more. As in 0034 otherwise.
create or replace function gateway_revoke(name_ text, because text, at_now timestamptz) returns int
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose int;
    theirs int;
    about bigint;
    ended int;
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    select g.id, coalesce(h.team_id, g.depot_team_id) into whose, theirs from gateway g left join home h on h.id = g.home_id
    where g.name = name_ and coalesce(h.team_id, g.depot_team_id) = any (my_installing_teams());
    if whose is null then
        return null;
    end if;
    select id into about from subject where type = 'gateway' and reference = whose::text for no key update;
    update certificate set revoked_at = at_now, revoked_by = my_staff_id(), why = because
    where gateway_id = whose and revoked_at is null;
    get diagnostics ended = row_count;
    -- What was let in but is not signed yet.
    update enrolment set state = 'refused', why = 'This gateway was revoked.' where gateway = name_ and state = 'accepted';
    if because = 'returned' then
        update gateway set enrolled = false where id = whose;
        delete from deadline where subject_id = about and type in ('gateway_silent', 'proof');
    else  -- time enough for the broker to end its connection, so that no heartbeat takes it back
        update deadline set due_at = least(due_at, at_now + interval '10 seconds')
        where subject_id = about and type = 'gateway_silent' and state = 'waiting';
    end if;
    perform remember_deed(theirs, 'revokes gateway ' || name_ || ': ' || because, at_now);
    perform pg_notify('hjemvakt_trust', '');
    return ended;
end $f$;
