delete from effects where run = ?
