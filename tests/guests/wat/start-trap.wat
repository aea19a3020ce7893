;; Traps before it is asked.
(start $go)
(func $go unreachable)
