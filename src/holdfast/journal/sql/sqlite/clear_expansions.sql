delete from expansions where run = ?
