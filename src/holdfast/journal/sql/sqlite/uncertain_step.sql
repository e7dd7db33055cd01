select
  p.digest,
  p.size,
  p.data,
  e.data,
  s.attempt,
  (
    select count(*)
    from attempts a
    join events u on u.run = a.run and u.seq = a.ended
    where a.run = s.run
      and a.step = s.step
      and (
        json_extract(u.data, '$.status') in ('lost', 'canceled')
        or json_extract(u.data, '$.status') = 'uncertain'
        and json_extract(u.data, '$.error.code') in ('lost', 'canceled')
      )
  )
from steps s
join runs r on r.n = s.run
join plans p on p.digest = r.plan_digest
join events e on e.run = s.run and e.seq = s.seq
where s.run = ? and s.step = ? and s.status = 'uncertain'
