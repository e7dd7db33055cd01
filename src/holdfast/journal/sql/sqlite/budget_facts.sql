select e.kind, e.step, e.data
from budget_events b
left join events e on e.run = b.run and e.seq = b.seq
where b.run = ?
order by b.seq
