select coalesce(max(seq), 0) from events where run = ?
