select 1 from requests where run = (select n from runs where id = ?1) and closed is null and kind <> 'escalation' limit 1
