insert into expansions (run, step, seq) values (?, ?, ?)
