-- Steps of a run whose effect began and has no outcome.
select e.step
from effects e
join runs r on r.n = e.run
where r.id = ?1 and e.state in ('intended', 'uncertain')
order by e.step
