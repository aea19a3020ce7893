;; A million findings, all empty.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i32.eq (memory.grow (i32.const 920)) (i32.const -1)) (then unreachable))
  (i32.store offset=16 (global.get $pass) (i32.const 131072))
  (i32.store offset=20 (global.get $pass) (i32.const 1000000))
  (global.get $pass))
