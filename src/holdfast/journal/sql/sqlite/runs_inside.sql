-- The unfinished runs nested in a run, at any depth.
with recursive inside (n, id) as (
  select n, id from runs where parent = ?1 and finished_at is null
  union all
  select r.n, r.id from inside i join runs r on r.parent = i.id where r.finished_at is null
)
select i.id, l.fence, l.held, l.host, l.boot, l.pid, l.start, l.engine, l.since, l.expires
from inside i
join leases l on l.run = i.n
