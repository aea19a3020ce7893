//! Gates over logs, versions, metrics and time.
