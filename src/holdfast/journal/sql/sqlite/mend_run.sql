update runs
set
  plan = ?2, revision = ?3, plan_digest = ?4, plan_file = ?5, status = ?6, seq = ?7, pausing = ?8, canceling = ?9,
  created_at = ?10, started_at = ?11, finished_at = ?12
where n = ?1
