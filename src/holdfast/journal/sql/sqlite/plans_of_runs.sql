select min(r.id), r.plan_digest, p.size, p.data
from runs r
left join plans p on p.digest = r.plan_digest
where r.n > 0
group by r.plan_digest
