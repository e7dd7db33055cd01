-- The ends of attempts that speak of something in the artifact store, latest run first; of one run, or of all where ?1
-- is null.
select r.id, r.plan, r.plan_file, r.plan_digest, e.step, e.attempt, e.at, e.data
from runs r
join events e on e.run = r.n
where (?1 is null or r.id = ?1) and e.kind = 'attempt.ended' and instr(e.data, 'sha256:') > 0
order by r.n desc, e.seq desc
