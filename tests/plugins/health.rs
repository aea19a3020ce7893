//! Health checks against real servers on loopback.
