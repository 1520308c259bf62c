//! Fault suites; see `tests/`.
