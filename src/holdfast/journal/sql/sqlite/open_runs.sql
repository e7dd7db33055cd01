-- Runs that have not ended, parts of others too, oldest first; with their plans.
select r.id, p.digest, p.size, p.data
from runs r
join plans p on p.digest = r.plan_digest
where r.n > 0 and r.finished_at is null
order by r.n
