select status from runs where id = ?1
