;; An answer that stands outside of the memory.
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0x7ffffff0))
