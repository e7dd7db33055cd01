insert into locks (name, run, step, attempt, since)
values (?1, (select n from runs where id = ?2), ?3, ?4, ?5)
on conflict (name) do update set run = excluded.run, step = ?3, attempt = ?4, since = ?5
