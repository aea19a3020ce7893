//! Gates over the reports of other tools.
