-- The lists of a run's fan-outs; no data where the event is missing.
select x.step, e.data
from expansions x
left join events e on e.run = x.run and e.seq = x.seq
where x.run = ?
