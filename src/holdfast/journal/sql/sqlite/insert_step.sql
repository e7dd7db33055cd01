insert into steps (run, step, status, seq, attempt, keyed, started, spawned, adopted, ended)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
