select size, data from plans where digest = ?
