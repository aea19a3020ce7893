;; A table that grows until it cannot.
(table $wide 1 funcref)
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (loop $again (br_if $again (i32.ne (table.grow $wide (ref.null func) (i32.const 10000)) (i32.const -1))))
  unreachable)
