delete from jumps where run = ?
