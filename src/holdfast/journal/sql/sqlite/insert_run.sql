insert into runs (n, id, plan, revision, plan_digest, plan_file, status, seq, created_at)
values (?, ?, ?, ?, ?, ?, 'pending', 1, ?)
