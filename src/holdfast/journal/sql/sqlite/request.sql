-- The request that event ?2 of run ?1 opened, with the attempt whose end that event is.
select r.id, q.opened, q.step, q.kind, e.attempt, q.closed
from requests q
join runs r on r.n = q.run
join events e on e.run = q.run and e.seq = q.opened
where r.id = ?1 and q.opened = ?2
