select r.id, l.fence, l.held, l.host, l.boot, l.pid, l.start, l.engine, l.since, l.expires
from leases l
join runs r on r.n = l.run
where l.held = 1
order by l.run
