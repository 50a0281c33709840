-- name: is_here
-- Without TimescaleDB nothing is compressed.
select to_regclass('timescaledb_information.jobs') is not null

-- name: overdue
-- The job that compresses readings, if it has left days that ended before an instant as they were.
select job_id from timescaledb_information.jobs
where proc_name = 'policy_compression' and hypertable_name = 'observation'
  and exists (select from timescaledb_information.chunks
              where hypertable_name = 'observation' and not is_compressed and range_end < %(before)s)

-- name: run
-- What its own scheduler would have done.
call run_job(%(job)s)
