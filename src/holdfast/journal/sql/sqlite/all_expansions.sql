select run, step, seq from expansions where run = ? order by step
