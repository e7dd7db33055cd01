pragma quick_check(100)
