;; A memory that no limit of a store covers.
(memory $shared 1 65536 shared)
