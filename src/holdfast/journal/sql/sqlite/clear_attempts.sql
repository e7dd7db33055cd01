delete from attempts where run = ?
