select run, step, attempt, started, ended, status from records where run = ? order by step, attempt
