insert into budget_events (run, seq) values (?, ?)
