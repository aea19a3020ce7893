;; A memory with 64-bit addresses that wants more than there are: the sum with what is used goes round.
(memory $wide i64 1)
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i64.eq (memory.grow $wide (i64.const 0x0000fffffffffffe)) (i64.const -1)) (then unreachable))
  (global.get $pass))
