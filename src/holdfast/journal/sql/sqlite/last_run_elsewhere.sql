-- The highest number of a run that any table but `runs` knows of; the commits are asked for their last one.
select max(n)
from (
  select max(run) as n from leases
  union all
  select max(run) from events
  union all
  select max(run) from steps
  union all
  select max(run) from attempts
  union all
  select max(run) from effects
  union all
  select max(run) from requests
  union all
  select max(json_extract(j.value, '$[0]'))
  from (select runs from commits order by n desc limit 1) c, json_each(c.runs) j
)
