select id from runs where n > 0 order by n desc limit ?
