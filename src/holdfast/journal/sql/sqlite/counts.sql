select 'plans' as name, count(*) from plans
union all
select 'runs', count(*) from runs where n > 0
union all
select 'events', count(*) from events
union all
select 'commits', count(*) from commits
union all
select 'steps', count(*) from steps
union all
select 'open requests', count(*) from requests where closed is null
