delete from budget_events where run = ?
