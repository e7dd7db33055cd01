select distinct run from events where run not in (select n from runs) order by run
