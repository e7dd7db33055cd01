select run, seq from budget_events where run = ? order by seq
