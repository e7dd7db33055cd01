delete from locks where run = (select n from runs where id = ?1) and step = ?2 and attempt = ?3
