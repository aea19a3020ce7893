;; Two memories that fit the limit each, and not together.
(memory $second 1)
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i32.eq (memory.grow $main (i32.const 600)) (i32.const -1)) (then (return (global.get $pass))))
  (if (i32.eq (memory.grow $second (i32.const 600)) (i32.const -1)) (then unreachable))
  (global.get $pass))
