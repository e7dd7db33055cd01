select n, head, runs from commits order by n
