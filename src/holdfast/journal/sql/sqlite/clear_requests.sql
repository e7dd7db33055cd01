delete from requests where run = ?
