select status, seq, attempt, keyed, started, spawned, adopted, ended from steps where run = ? and step = ?
