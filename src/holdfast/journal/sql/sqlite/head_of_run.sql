select r.n, r.status, coalesce(e.seq, 0), e.hash, coalesce(l.fence, 0), coalesce(l.held, 0)
from runs r
left join events e on e.run = r.n and e.seq = (select max(seq) from events where run = r.n)
left join leases l on l.run = r.n
where r.id = ?
