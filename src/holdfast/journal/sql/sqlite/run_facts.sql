select
  r.n, r.status, r.created_at, r.started_at, r.finished_at, c.data, m.at, m.kind, m.data, x.data, r.pausing
from runs r
left join events c on c.run = r.n and c.seq = 1
left join events m on m.run = r.n and m.seq = r.seq
left join events x on x.run = r.n and x.seq = r.canceling
where r.id = ? and r.n > 0
