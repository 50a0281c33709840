-- name: end
-- Everything that is expected ends; the subjects of which alerts may stand. Null: it was over already.
select patient_end(%(patient)s, %(why)s, %(ended)s, %(by)s, %(now)s, %(reason)s)

-- name: hand_over
-- To another team; the subjects of which alerts may stand.
select patient_hand_over(%(patient)s, %(team)s, %(by)s, %(now)s, %(reason)s)

-- name: merge
-- Two that were one. Null: one of them was merged already.
select patient_merge(%(kept)s, %(gone)s, %(by)s, %(now)s, %(reason)s)

-- name: team_of
-- Whose patient it is.
select team_id from patient where id = %(patient)s

-- name: subjects_of
-- What alerts about a patient, or about a home where nobody else lives, are about; in order of id.
select distinct a.subject_id from alert a join patient p on p.id = %(patient)s
where a.state in ('raised', 'acknowledged', 'cleared')
  and (a.patient_id = p.id or (a.patient_id is null and a.home_id = p.home_id and not exists (
          select from patient o where o.home_id = p.home_id and o.active and o.id <> p.id)))
order by 1
