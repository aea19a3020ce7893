;; A request with a million headers, all of them the same empty one.
(import "runner:plugin/http@0.1.0" "send"
  (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 0x600) "GEThttp://127.0.0.1:1/")
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i32.eq (memory.grow (i32.const 300)) (i32.const -1)) (then unreachable))
  (call $send (i32.const 0x600) (i32.const 3) (i32.const 0x603) (i32.const 19)
    (i32.const 131072) (i32.const 1000000) (i32.const 4) (i32.const 0) (i32.const 4) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0x700))
  (global.get $pass))
