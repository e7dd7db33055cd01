-- A step whose first attempt starts has no row, unless it waited for something: that row is not asked for beforehand.
insert into steps (run, step, status, seq, attempt, keyed, started, spawned, adopted, ended)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (run, step) do update set
  status = excluded.status,
  seq = excluded.seq,
  attempt = excluded.attempt,
  keyed = excluded.keyed,
  started = excluded.started,
  spawned = excluded.spawned,
  adopted = excluded.adopted,
  ended = excluded.ended
where steps.status = 'waiting' and steps.attempt = 0
