//! Entries to terminal, JSON lines, graphs and diagnostics; never decides.
