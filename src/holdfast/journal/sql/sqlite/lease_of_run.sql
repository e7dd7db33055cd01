select l.fence, l.held, l.host, l.boot, l.pid, l.start, l.engine, l.since, l.expires
from leases l
where l.run = (select n from runs where id = ?)
