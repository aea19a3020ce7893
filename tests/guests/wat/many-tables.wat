;; Three tables that fit the limit each, and not together.
(table $a 1 funcref) (table $b 1 funcref) (table $c 1 funcref)
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (if (i32.eq (table.grow $a (ref.null func) (i32.const 60000)) (i32.const -1)) (then (return (global.get $pass))))
  (if (i32.eq (table.grow $b (ref.null func) (i32.const 60000)) (i32.const -1)) (then unreachable))
  (global.get $pass))
