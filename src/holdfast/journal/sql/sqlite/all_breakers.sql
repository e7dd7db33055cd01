select name, state, generation, failures, since, due, allowed, proven, trials, code, seq from breakers order by name
