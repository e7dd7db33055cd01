update requests set closed = ?2 where run = ?1 and kind = 'budget' and closed is null
