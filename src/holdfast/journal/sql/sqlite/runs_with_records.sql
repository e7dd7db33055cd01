-- The runs of a plan that have records, oldest first, with what created them.
select r.n, r.id, e.data
from runs r
join events e on e.run = r.n and e.seq = 1
where r.plan = ? and r.parent is null and exists (select 1 from records x where x.run = r.n)
order by r.n
