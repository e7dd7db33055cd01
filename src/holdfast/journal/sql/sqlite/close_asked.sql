update requests set closed = ?3 where run = ?1 and opened = ?2 and closed is null
