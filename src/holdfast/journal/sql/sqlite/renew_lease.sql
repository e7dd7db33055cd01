update leases set expires = ?3 where run = (select n from runs where id = ?1) and fence = ?2 and held = 1
