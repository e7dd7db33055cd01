delete from breakers
