select n, plan, revision, plan_digest, plan_file, status, seq, pausing, canceling, created_at, started_at, finished_at
from runs
where n = ?
