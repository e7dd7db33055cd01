select run, step, seq from jumps where run = ? order by step
