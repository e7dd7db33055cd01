insert into leases (run, fence, held, host, boot, pid, start, engine, since, expires)
values (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
on conflict (run) do update set
  fence = ?2, held = 1, host = ?3, boot = ?4, pid = ?5, start = ?6, engine = ?7, since = ?8, expires = ?9
where fence < ?2
