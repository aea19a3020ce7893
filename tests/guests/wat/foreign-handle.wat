;; Uses a handle that it was never given.
(import "runner:plugin/secrets@0.1.0" "[method]secret.hmac-sha256" (func $hmac (param i32 i32 i32 i32)))
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $hmac (i32.const 3) (i32.const 0x600) (i32.const 1) (i32.const 0x700))
  (global.get $pass))
