-- The latest ?1 runs of each plan, those that have not ended, the project's own stream, and all runs nested in them.
with recursive numbered (n, id, open, nth) as (
  select n, id, finished_at is null, row_number() over (partition by plan order by n desc)
  from runs
  where parent is null
),
kept (n, id) as (
  select n, id from numbered where open or nth <= ?1
  union
  select r.n, r.id from kept k join runs r on r.parent = k.id
)
select id from kept
