;; A table that is too large from the beginning.
(table 4000000000 funcref)
