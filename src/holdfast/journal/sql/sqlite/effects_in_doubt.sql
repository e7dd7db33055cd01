-- Steps of a run, and of the runs nested in it, whose effect began and has no outcome.
with recursive family (id, n) as (
  select id, n from runs where id = ?1
  union all
  select r.id, r.n from runs r join family on r.parent = family.id
)
select e.step
from family
join effects e on e.run = family.n
where e.state in ('intended', 'uncertain')
order by e.step
