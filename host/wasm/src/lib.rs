//! Components: load, link, limit and call one of the kinds.
