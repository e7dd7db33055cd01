select step from lock_tickets where run = (select n from runs where id = ?) order by n
