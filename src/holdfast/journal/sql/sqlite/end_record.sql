update records set ended = ?4, status = ?5 where run = ?1 and step = ?2 and attempt = ?3
