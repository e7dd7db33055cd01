update requests set closed = ?2 where run = ?1 and step >= ?3 and step < ?4 and kind = 'review' and closed is null
