select parent, parent_step from runs where id = ?
