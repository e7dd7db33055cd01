select n from runs where id = ?
