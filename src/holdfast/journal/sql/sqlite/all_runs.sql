select
  n, plan, revision, plan_digest, plan_file, parent, parent_step, status, seq, pausing, canceling, created_at,
  started_at, finished_at
from runs
where n = ?
