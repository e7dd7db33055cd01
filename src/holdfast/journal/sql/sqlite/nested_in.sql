-- The runs nested in a run, however deep, oldest first.
with recursive nested (id, n) as (
  select id, n from runs where parent = ?1
  union all
  select r.id, r.n from runs r join nested on r.parent = nested.id
)
select id from nested order by n
