-- Who comes in by the identity provider: linked by whoever runs the server, never made by itself.
create table staff_subject (
    issuer text not null,
    subject text not null check (length(subject) between 1 and 255),
    staff_id int not null references staff,
    linked_at timestamptz not null,
    primary key (issuer, subject)
);
create unique index on staff_subject (staff_id, issuer);

create function login_subject(by_issuer text, wanted text) returns int
    language sql stable security definer set search_path = public, pg_temp as $f$
    select s.id from staff_subject l join staff s on s.id = l.staff_id and s.active
    where l.issuer = by_issuer and l.subject = wanted
$f$;
revoke execute on function login_subject(text, text) from public;
grant execute on function login_subject(text, text) to hjemvakt_api;
