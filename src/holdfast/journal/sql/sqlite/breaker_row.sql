select state, generation, failures, since, due, allowed, proven, trials, code from breakers where name = ?
