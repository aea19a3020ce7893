//! Pipeline text to plan: parse, resolve, check, plan; pure.
