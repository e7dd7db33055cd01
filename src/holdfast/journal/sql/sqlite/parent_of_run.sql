select parent from runs where id = ?
