delete from lock_tickets where run = (select n from runs where id = ?1) and step = ?2
