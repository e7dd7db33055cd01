select run, step, attempt, started, spawned, adopted, ended from attempts where run = ? order by step, attempt
