-- name: doubles
-- Who may be the same person; that it was asked is remembered of each.
select patient, team, name, by_number, ended
from patient_doubles(%(team)s, %(lookup)s::bytea, %(name)s, %(born_on)s::date, %(now)s)

-- name: homes_at
-- Of the team, at this address now; one that is protected is not told.
select h.id, h.name, (select count(*) from patient p where p.home_id = h.id and p.active)
from home h
where h.team_id = %(team)s and not home_is_protected(h.id)
  and lower(regexp_replace(btrim(%(address)s), '[\s,]+', ' ', 'g')) = lower(regexp_replace(btrim(coalesce(
      (select a.address from home_address a where a.home_id = h.id and a.from_at <= %(now)s and a.to_at > %(now)s
       order by a.id desc limit 1), h.address)), '[\s,]+', ' ', 'g'))
order by h.id limit 10

-- name: home_of_team
-- Whether it is one of the team's.
select exists (select from home where id = %(home)s and team_id = %(team)s)

-- name: register
-- In the name of whoever is identified.
select patient_register(%(team)s, %(name)s, %(reference)s, %(born_on)s::date, %(pathway)s, %(municipality)s, %(phone)s,
                        %(lives_alone)s, %(protection)s, %(home)s, %(new_home)s, %(address)s, %(bucket)s::smallint, %(now)s,
                        %(remark)s)
