;; Calls itself for ever. Its name is one that a compiler made.
(func $_RNvCs1234_7hostile6deeper (call $_RNvCs1234_7hostile6deeper))
(func $evaluate (export "runner:plugin/gate@0.1.0#evaluate") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
  (call $_RNvCs1234_7hostile6deeper)
  (global.get $pass))
