//! What only tests can call: batches as steps of a session (C-1), pauses and kills at durable steps. Left out of what is installed.

mod batch;
pub mod steps;
