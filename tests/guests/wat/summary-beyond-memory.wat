;; A summary that reaches beyond the memory.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store offset=12 (global.get $pass) (i32.const 0x7fffffff))
  (global.get $pass))
