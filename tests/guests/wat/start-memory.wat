;; Takes all it can get before it is asked.
(start $go)
(func $go
  (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
  unreachable)
