select id from runs where n > 0 and id >= ?1 and id < ?1 || char(1114111) order by n desc
