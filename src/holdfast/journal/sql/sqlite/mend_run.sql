update runs
set
  plan = ?2, revision = ?3, plan_digest = ?4, plan_file = ?5, parent = ?6, parent_step = ?7, status = ?8,
  seq = ?9, pausing = ?10, canceling = ?11, created_at = ?12, started_at = ?13, finished_at = ?14
where n = ?1
