-- The runs that a run is nested in, each with the step that is what lies inside.
with recursive around (run, step) as (
  select parent, parent_step from runs where id = ?1 and parent is not null
  union all
  select r.parent, r.parent_step from around a join runs r on r.id = a.run where r.parent is not null
)
select run, step from around
