insert into requests (run, opened, step, kind) values (?, ?, ?, ?)
