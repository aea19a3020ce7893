;; Traps in a function whose name would clear the screen.
(func $deep (@name "\1b[2J\1b]0;owned\07gone\0a::error::no") unreachable)
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (call $deep) (global.get $pass))
