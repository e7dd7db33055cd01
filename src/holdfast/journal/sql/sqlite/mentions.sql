-- Every event that may name something in the artifact store, with its run's id.
select r.id, e.data
from runs r
join events e on e.run = r.n
where instr(e.data, 'sha256:') > 0
