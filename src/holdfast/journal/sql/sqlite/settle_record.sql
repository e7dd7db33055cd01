update records set status = 'succeeded' where run = ? and step = ? and status = 'uncertain'
