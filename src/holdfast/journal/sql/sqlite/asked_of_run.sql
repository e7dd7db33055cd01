-- What people are asked of a run itself and have not answered.
select e.at, e.data
from requests q
join events e on e.run = q.run and e.seq = q.opened
where q.run = ? and q.step = '' and q.kind = 'review' and q.closed is null
order by q.opened
