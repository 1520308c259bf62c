//! Black-box stories; see `tests/`.
