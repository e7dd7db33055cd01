select distinct step, attempt from locks where run = (select n from runs where id = ?) order by step
