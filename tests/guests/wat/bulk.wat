;; Fills 60 MiB in one instruction, for ever.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (drop (memory.grow (i32.const 960)))
  (loop $again
    (memory.fill (i32.const 131072) (i32.const 1) (i32.const 62000000))
    (br $again))
  unreachable)
