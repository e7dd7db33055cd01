select run, step, key, state, attempt, seq from effects where run = ? order by step
