select s.step, s.status, e.at, e.kind, e.data
from steps s
left join events e on e.run = s.run and e.seq = s.seq
where s.run = ?
