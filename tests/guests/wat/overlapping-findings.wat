;; A thousand findings whose messages are all the same megabyte.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (local $at i32)
  (if (i32.eq (memory.grow (i32.const 40)) (i32.const -1)) (then unreachable))
  (memory.fill (i32.const 1048576) (i32.const 0x78) (i32.const 1048576))
  (local.set $at (i32.const 131072))
  (loop $next
    ;; rule: nothing; message: the megabyte.
    (i32.store offset=12 (local.get $at) (i32.const 1048576))
    (i32.store offset=16 (local.get $at) (i32.const 1048576))
    (local.set $at (i32.add (local.get $at) (i32.const 60)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 191072))))
  (i32.store offset=16 (global.get $pass) (i32.const 131072))
  (i32.store offset=20 (global.get $pass) (i32.const 1000))
  (global.get $pass))
