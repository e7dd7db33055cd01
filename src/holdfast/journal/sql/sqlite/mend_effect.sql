insert into effects (run, step, key, state, attempt, seq) values (?, ?, ?, ?, ?, ?)
