insert into runs (n, id, plan, revision, plan_digest, plan_file, parent, parent_step, status, seq, created_at)
values (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 1, ?)
