-- The loops of a run that people are asked about.
select q.step, e.at, e.data
from requests q
join events e on e.run = q.run and e.seq = q.opened
where q.run = ? and q.kind = 'loop' and q.closed is null
