;; What every gate made by hand has: a memory, an allocator that only goes up, and what it says about itself.
;; An attack is the fields of a module that stand after these. Where it has no `describe` or no `evaluate` of its own it
;; gets an honest one.
(memory $main (export "memory") 2)
(global $heap (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
  (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (global.set $heap (i32.add (local.get $at) (local.get 3)))
  (local.get $at))

;; Name, version, summary, config schema, outputs: pointer and length each.
(global $manifest i32 (i32.const 1024))
(data (i32.const 1024)
  "\00\05\00\00" "\07\00\00\00" "\08\05\00\00" "\05\00\00\00" "\10\05\00\00" "\0c\00\00\00"
  "\20\05\00\00" "\11\00\00\00" "\40\05\00\00" "\01\00\00\00")
(data (i32.const 0x500) "by-hand ")
(data (i32.const 0x508) "1.0.0   ")
(data (i32.const 0x510) "made by hand")
(data (i32.const 0x520) "{\"type\":\"object\"}")
;; One output: `value`.
(data (i32.const 0x540) "\50\05\00\00" "\05\00\00\00")
(data (i32.const 0x550) "value")

;; An answer: ok, the decision `pass`, the summary `fine`, no findings, no outputs.
(global $pass i32 (i32.const 1200))
(data (i32.const 1200)
  "\00\00\00\00" "\00\00\00\00" "\60\05\00\00" "\04\00\00\00" "\04\00\00\00" "\00\00\00\00" "\04\00\00\00" "\00\00\00\00")
(data (i32.const 0x560) "fine")
