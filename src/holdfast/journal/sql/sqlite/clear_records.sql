delete from records where run = ?
