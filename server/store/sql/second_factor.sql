-- name: of
-- Of somebody whose password was right.
select sealed, confirmed from second_factor_of(%(staff)s)

-- name: take
-- False: this code, or a later one, was taken before.
select second_factor_take(%(staff)s, %(step)s)

-- name: take_recovery
-- False: there is no such code, or it was used.
select recovery_code_take(%(staff)s, %(hash)s, %(now)s)

-- name: mine
-- Since when, and how many codes on paper are left; no row: there is none.
select confirmed_at, recovery_left from my_second_factor()

-- name: my_login
-- As whom an app shows it.
select my_login()

-- name: my_password
-- Asked for again before anything of this changes.
select my_password()

-- name: begin
-- False: one is in use.
select second_factor_begin(%(sealed)s, %(now)s)

-- name: confirm
-- False: none was begun.
select second_factor_confirm(%(step)s, %(hashes)s, %(now)s)

-- name: end
-- One's own.
select second_factor_end()

-- name: reset
-- By whoever runs the server: the phone and the paper are gone. Open logins end.
with gone as (
    delete from second_factor using staff where staff.id = second_factor.staff_id and staff.login = %(login)s
    returning second_factor.staff_id
), ended as (
    delete from session using gone where session.staff_id = gone.staff_id
)
select count(*) from gone
