//! Who this database is on the endpoint: binding, claim, marker, heartbeat and the verdict that follows from them.

use crate::error::Result;

/// The worker's view of its claim; lives as long as the worker.
#[derive(Default)]
pub struct Identity {}

impl Identity {
    /// One step: never waits for the endpoint (jobs run on the I/O thread and are looked at in later steps).
    pub fn tick(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Passes when this database may read its endpoint.
pub fn require_read() -> Result<()> {
    Ok(())
}
