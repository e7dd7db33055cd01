select run, seq, at, kind, step, attempt, data, hash from events where run = ? order by seq
