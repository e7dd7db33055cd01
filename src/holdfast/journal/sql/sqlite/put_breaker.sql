insert into breakers (name, state, generation, failures, since, due, allowed, proven, trials, code, seq)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (name) do update set
  state = excluded.state,
  generation = excluded.generation,
  failures = excluded.failures,
  since = excluded.since,
  due = excluded.due,
  allowed = excluded.allowed,
  proven = excluded.proven,
  trials = excluded.trials,
  code = excluded.code,
  seq = excluded.seq
