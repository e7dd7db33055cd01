update runs set pausing = ?2 where n = ?1 and finished_at is null
