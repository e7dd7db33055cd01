select t.n, t.step, t.names, r.id, r.status, l.fence, l.held, l.host, l.boot, l.pid, l.start, l.engine, l.since, l.expires
from lock_tickets t
join runs r on r.n = t.run
join leases l on l.run = t.run
order by t.n
