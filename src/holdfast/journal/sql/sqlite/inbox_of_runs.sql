-- What people are asked or told of runs themselves, of steps that are late and of loops that are stuck; of a step that has ended nobody is told.
select r.id, q.opened, q.step, q.kind, e.at, e.kind, e.data, r.plan
from requests q
join runs r on r.n = q.run
join events e on e.run = q.run and e.seq = q.opened
left join steps s on s.run = q.run and s.step = q.step
where q.closed is null
  and (q.step = '' or q.kind in ('escalation', 'loop'))
  and (q.kind = 'loop' or coalesce(s.status, '') not in ('succeeded', 'reused', 'recovered', 'failed', 'skipped', 'canceled'))
order by e.at, q.run, q.opened
