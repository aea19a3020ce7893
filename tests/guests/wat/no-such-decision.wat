;; A decision that the contract does not have.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (i32.store8 offset=4 (global.get $pass) (i32.const 77))
  (global.get $pass))
