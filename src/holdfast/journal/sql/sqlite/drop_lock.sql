delete from locks where name = ?
