-- What a run cannot go on without; a spent budget is looked at again, and that something is late asks nothing.
select 1
from requests
where run = (select n from runs where id = ?1) and closed is null and kind in ('resolve', 'review')
limit 1
