delete from steps where run = ?
