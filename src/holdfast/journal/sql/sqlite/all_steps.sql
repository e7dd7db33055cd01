select run, step, status, seq, attempt, keyed, started, spawned, adopted, ended from steps where run = ? order by step
