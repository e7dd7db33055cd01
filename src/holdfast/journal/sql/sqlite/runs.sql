select r.id, r.plan, r.revision, r.status, r.created_at, r.started_at, r.finished_at, e.data
from runs r
join events e on e.run = r.n and e.seq = 1
where r.n > 0
order by r.n desc
limit ?
