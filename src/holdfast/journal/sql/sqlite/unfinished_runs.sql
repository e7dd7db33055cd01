-- Runs that have not ended and are nobody's part, oldest first; of one plan, or of all where ?1 is null.
select r.id, r.plan, r.status, e.data
from runs r
left join events e on e.run = r.n and e.seq = 1
where r.n > 0 and r.parent is null and r.finished_at is null and (?1 is null or r.plan = ?1)
order by r.n
