select at, kind, data from events where run = (select n from runs where id = ?1) and seq = ?2
