;; A line for the log that ends within a character.
(import "runner:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
(data (i32.const 0x600) "\e2\82")
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 0x600) (i32.const 2))
  (global.get $pass))
