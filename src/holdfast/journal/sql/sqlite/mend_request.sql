insert into requests (run, opened, step, kind, closed) values (?, ?, ?, ?, ?)
