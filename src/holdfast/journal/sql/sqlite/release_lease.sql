update leases set held = 0 where run = (select n from runs where id = ?1) and fence = ?2
