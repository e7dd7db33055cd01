delete from lock_tickets where n = ?
