//! Gates over the sources and what they are built from.
