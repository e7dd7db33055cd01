select r.id, q.opened, q.step, q.kind, e.at, e.data, b.data, f.key, s.attempt
from requests q
join runs r on r.n = q.run
join events e on e.run = q.run and e.seq = q.opened
join steps s on s.run = q.run and s.step = q.step
join events b on b.run = q.run and b.seq = s.started
left join effects f on f.run = q.run and f.step = q.step
where q.closed is null and q.kind in ('resolve', 'review')
order by e.at, q.run, q.opened
