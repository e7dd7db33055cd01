-- A run's number and the last event that anything else in the journal knows of it; the commits tell it of late ones only.
select
  r.n,
  max(
    r.seq,
    coalesce(r.pausing, 0),
    coalesce(r.canceling, 0),
    coalesce((select max(seq) from steps where run = r.n), 0),
    coalesce(
      (
        select json_extract(j.value, '$[2]')
        from (select n, runs from commits order by n desc limit ?2) c, json_each(c.runs) j
        where json_extract(j.value, '$[0]') = r.n
        order by c.n desc
        limit 1
      ),
      0
    )
  )
from runs r
where r.id = ?1
