select e.seq, e.at, e.kind, e.step, e.attempt, e.data
from events e
where e.run = (select n from runs where id = ?) and e.seq > ? and e.seq <= ?
order by e.seq
