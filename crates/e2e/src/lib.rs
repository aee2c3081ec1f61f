//! Nothing: the end-to-end tests are in `tests/`, one binary with a module per topic.
