//! What the worker of a database keeps between two rounds.

use super::key_runs::KeyRuns;
use super::tidy::Tidy;
use crate::endpoint::identity::Identity;
use crate::movement::bring_back::BringBack;
use crate::movement::collect::Collector;
use crate::movement::compact::Compactor;
use crate::movement::migrate::Mover;
use crate::movement::upload::Uploader;
use std::time::Instant;

/// State of the worker between two rounds.
pub struct Worker {
    pub began: Instant,
    /// Claim, marker, heartbeat, verdict.
    pub identity: Identity,
    /// Batches.
    pub mover: Mover,
    /// Rows on their way home.
    pub bring_back: BringBack,
    /// Small and half dead segments.
    pub compactor: Compactor,
    /// Uploads and purges.
    pub uploader: Uploader,
    /// Objects that nobody needs.
    pub collector: Collector,
    pub tidy: Tidy,
    pub key_runs: KeyRuns,
}

impl Worker {
    /// One that begins.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            identity: Identity::default(),
            mover: Mover::default(),
            bring_back: BringBack::default(),
            compactor: Compactor::default(),
            uploader: Uploader::default(),
            collector: Collector::default(),
            tidy: Tidy::default(),
            key_runs: KeyRuns::default(),
        }
    }
}
