select coalesce(max(n), -1) from runs
