update requests set closed = ?2 where run = ?1 and closed is null
