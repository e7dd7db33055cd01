-- At the end of a run everything is closed; when its `finally` steps begin, that it is late may still be told (?3).
update requests set closed = ?2 where run = ?1 and closed is null and kind <> ?3
