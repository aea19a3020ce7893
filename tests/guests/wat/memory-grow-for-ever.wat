;; Takes one page after another, and goes on asking when it gets none.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again (drop (memory.grow (i32.const 1))) (br $again))
  unreachable)
