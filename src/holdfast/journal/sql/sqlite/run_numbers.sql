select n, id from runs where ?1 is null or id = ?1 order by n
