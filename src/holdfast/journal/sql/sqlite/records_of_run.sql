select x.step, x.attempt, x.status, x.started, s.data, x.ended, e.data
from records x
join events s on s.run = x.run and s.seq = x.started
left join events e on e.run = x.run and e.seq = x.ended and e.seq <> x.started
where x.run = ?
