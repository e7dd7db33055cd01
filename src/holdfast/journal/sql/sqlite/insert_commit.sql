insert into commits (n, head, runs) values (?, ?, ?)
