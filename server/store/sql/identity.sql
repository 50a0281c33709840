-- name: staff_of
-- Null: nobody who works here is linked to it.
select login_subject(%(issuer)s, %(subject)s)

-- name: forget_other
-- A new link of the same person replaces the old one.
delete from staff_subject using staff
where staff.id = staff_subject.staff_id and staff.login = %(login)s and issuer = %(issuer)s and subject <> %(subject)s

-- name: link
-- By whoever runs the server.
insert into staff_subject (issuer, subject, staff_id, linked_at)
select %(issuer)s, %(subject)s, id, %(now)s from staff where login = %(login)s and active and not machine
on conflict (issuer, subject) do nothing

-- name: linked_to
-- Whose it is.
select staff.login from staff_subject join staff on staff.id = staff_subject.staff_id
where issuer = %(issuer)s and subject = %(subject)s

-- name: unlink
-- What is open by it ends, too.
with gone as (
    delete from staff_subject using staff where staff.id = staff_subject.staff_id and staff.login = %(login)s
    returning staff_subject.staff_id
), ended as (
    delete from session using gone where session.staff_id = gone.staff_id and session.way = 'oidc'
)
select count(*) from gone
