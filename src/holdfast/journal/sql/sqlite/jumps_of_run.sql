-- The new visits of a run's loops, in their order; no data where the event is missing.
select x.step, e.data
from jumps x
left join events e on e.run = x.run and e.seq = x.seq
where x.run = ?
order by x.seq
