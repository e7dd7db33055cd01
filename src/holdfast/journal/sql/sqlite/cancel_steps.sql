update steps set status = 'canceled', seq = ?2
where run = ?1 and (status in ('pending', 'ready', 'retrying', 'waiting') or status = 'running' and attempt = 0)
