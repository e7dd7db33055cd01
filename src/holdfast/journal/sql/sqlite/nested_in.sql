-- The latest run of each step of a run that has runs of its own.
select r.parent_step, r.id, r.status, e.at
from runs r
left join events e on e.run = r.n and e.seq = r.seq
where r.parent = ?1 and r.n in (select max(n) from runs where parent = ?1 group by parent_step)
