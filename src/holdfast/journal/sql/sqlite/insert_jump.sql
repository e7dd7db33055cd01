insert into jumps (run, step, seq) values (?, ?, ?)
