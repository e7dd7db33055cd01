select id from runs where n > 0 and parent is null order by n desc limit ?
