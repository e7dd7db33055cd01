insert into effects (run, step, key, state, attempt, seq) values (?1, ?2, ?3, 'intended', ?4, ?5)
on conflict (run, step) do update set state = 'intended', attempt = ?4, seq = ?5
where key = ?3 and state = 'failed'
