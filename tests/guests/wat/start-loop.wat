;; Never gets as far as being asked.
(start $go)
(func $go (loop $again (br $again)))
