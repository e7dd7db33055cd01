insert into attempts (run, step, attempt, started, spawned, adopted, ended) values (?, ?, ?, ?, ?, ?, ?)
