update runs set canceling = ?2 where n = ?1 and finished_at is null and canceling is null
