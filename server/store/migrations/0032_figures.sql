-- What monitoring sees of the installation: counts and ages, of all teams together. No name, no number of anybody and no value
-- comes out of here, so whoever may ask is asked by the api alone. `which`: the words that tell figures of one name apart.
create index alert_raised on alert (raised_at);

create function installation_figures(at_now timestamptz) returns table (figure text, which text[], value float8)
    language sql stable security definer set search_path = public, pg_temp as $f$
    with proof as (
        select asked_at, stored_at, seen_at from alarm_proof
        where day >= (at_now - interval '1 day')::date and asked_at > at_now - interval '1 day'
    ), standing as (
        select a.priority, a.state, a.raised_at, exists (select from alert_seen s where s.alert_id = a.id and s.seen_at >= a.raised_at) as seen
        from alert a where a.state in ('raised', 'acknowledged', 'cleared')
    ), shown as (
        select extract(epoch from min(s.seen_at) - a.raised_at) as after_s
        from alert a join alert_seen s on s.alert_id = a.id and s.seen_at >= a.raised_at
        where a.raised_at > at_now - interval '1 hour' and a.priority in ('red', 'yellow') group by a.id
    ), late as (
        select 'deadlines' as what, count(*) as many, min(due_at) as since from deadline where state = 'waiting' and due_at < at_now
        union all select 'assessments', count(*), min(due_at) from assessment where due_at < at_now and faults = 0
        union all select 'calls', count(*), min(next_at) from notice where state = 'waiting' and next_at < at_now
        union all select 'enrolments', count(*), min(asked_at) from enrolment where state = 'waiting' and code is not null
    ), box as (
        select lane, coalesce((status ->> ('waiting_' || lane))::float8, 0) as rows
        from gateway, unnest(array['alarm', 'bulk']) as lane where enrolled
    ), percent (share) as (values (0.5), (0.95), (1.0))
    select 'role_silence_s', array[role], extract(epoch from at_now - alive_at)::float8 from role_life
    union all select 'role_started', array[role], extract(epoch from started_at)::float8 from role_life
    union all select 'gateways', array[state], count(*) from gateway where enrolled group by state
    union all select 'gateways_troubled', '{}', count(*) from gateway
        where enrolled and state = 'online' and coalesce(status -> 'troubles', '[]') <> '[]'
    union all select 'outbox_rows', array[lane], sum(rows) from box group by lane
    union all select 'outbox_rows_most', array[lane], max(rows) from box group by lane
    union all select 'lost_rows', '{}', coalesce(sum(last_seq - first_seq + 1), 0)::float8 from lost_rows
    union all select 'set_aside', '{}', count(*) from set_aside
    union all select 'set_aside_last_hour', '{}', count(*) from set_aside where at > at_now - interval '1 hour'
    union all select 'alerts', array[priority, state], count(*) from standing group by priority, state
    union all select 'alert_waits_s', array[priority], extract(epoch from at_now - min(raised_at))::float8
        from standing where state = 'raised' group by priority
    union all select 'alerts_unseen', array[priority], count(*) from standing where state = 'raised' and not seen group by priority
    union all select 'alert_unseen_s', array[priority], extract(epoch from at_now - min(raised_at))::float8
        from standing where state = 'raised' and not seen group by priority
    union all select 'alert_to_screen_s', array[share::float8::text],
        (select percentile_cont(share::float8) within group (order by after_s) from shown)::float8 from percent
    union all select 'proofs', array['asked'], count(*) from proof
    union all select 'proofs', array['stored'], count(stored_at) from proof
    union all select 'proofs', array['seen'], count(seen_at) from proof
    union all select 'proof_s', array['server', share::float8::text],
        (select percentile_cont(share::float8) within group (order by extract(epoch from stored_at - asked_at)) from proof)::float8
        from percent
    union all select 'proof_s', array['screen', share::float8::text],
        (select percentile_cont(share::float8) within group (order by extract(epoch from seen_at - asked_at)) from proof)::float8
        from percent
    union all select 'late', array[what], many from late
    union all select 'late_s', array[what], extract(epoch from at_now - since)::float8 from late
    union all select 'assessments_failing', '{}', count(*) from assessment where faults > 0
    union all select 'calls_lost', array[way], count(*) from notice
        where state in ('failed', 'dead') and ended_at > at_now - interval '1 day' group by way
    union all select 'certificates_ending', '{}', count(*) from certificate
        where revoked_at is null and not_after < at_now + interval '14 days'
    union all select 'database_bytes', '{}', pg_database_size(current_database())
$f$;
revoke execute on function installation_figures(timestamptz) from public;
grant execute on function installation_figures(timestamptz) to hjemvakt_api;
