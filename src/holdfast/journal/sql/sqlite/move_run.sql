update runs
set
  status = ?3,
  seq = ?4,
  started_at = coalesce(started_at, ?5),
  finished_at = ?6,
  pausing = iif(?3 = 'running', null, pausing)
where n = ?1
  and status = ?2
  and (?6 is null or not exists (select 1 from steps where run = ?1 and (status = 'uncertain' or status = 'running' and attempt > 0)))
