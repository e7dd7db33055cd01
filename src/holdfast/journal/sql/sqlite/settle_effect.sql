update effects set state = ?3, seq = ?4 where run = ?1 and step = ?2 and state in ('intended', 'uncertain')
