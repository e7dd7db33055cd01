select hash from events where run = ? and seq between ? and ? order by seq
