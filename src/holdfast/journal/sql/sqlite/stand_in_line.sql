insert into lock_tickets (run, step, names)
values ((select n from runs where id = ?1), ?2, ?3)
on conflict (run, step) do nothing
