select n, head from commits order by n desc limit 1
