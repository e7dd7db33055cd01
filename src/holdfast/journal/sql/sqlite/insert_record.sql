insert into records (run, step, attempt, started, ended, status) values (?, ?, ?, ?, ?, ?)
