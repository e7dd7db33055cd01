select run, opened, step, kind, closed from requests where run = ? order by opened
