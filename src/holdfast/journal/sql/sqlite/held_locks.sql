select k.name, k.step, k.attempt, k.since, r.id, r.status, l.fence, l.held, l.host, l.boot, l.pid, l.start, l.engine, l.since, l.expires
from locks k
join runs r on r.n = k.run
join leases l on l.run = k.run
order by k.name
