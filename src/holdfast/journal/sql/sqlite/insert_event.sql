insert into events (run, seq, at, kind, step, attempt, data, hash) values (?, ?, ?, ?, ?, ?, ?, ?)
