select a.step, a.attempt, a.adopted is not null, s.at, s.data, p.data, e.at, e.data
from (
  select run, step, attempt, started, spawned, adopted, ended from attempts where run = ?1
  union all
  select run, step, attempt, started, spawned, adopted, ended from steps where run = ?1 and attempt > 0
) a
left join events s on s.run = a.run and s.seq = a.started
left join events p on p.run = a.run and p.seq = a.spawned
left join events e on e.run = a.run and e.seq = a.ended
order by a.step, a.attempt
