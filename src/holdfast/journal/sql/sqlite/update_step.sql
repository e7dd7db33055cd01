update steps
set status = ?3, seq = ?4, attempt = ?5, keyed = ?6, started = ?7, spawned = ?8, adopted = ?9, ended = ?10
where run = ?1 and step = ?2 and status not in ('succeeded', 'reused', 'recovered', 'failed', 'skipped', 'canceled')
