update steps set status = 'canceled', seq = ?2
where run = ?1 and step >= ?3 and step < ?4 and status in ('pending', 'ready', 'retrying', 'waiting')
