update requests set closed = ?4 where run = ?1 and step = ?2 and kind = ?3 and closed is null
