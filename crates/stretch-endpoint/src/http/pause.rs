//! `Retry-After`: a store that has too much to do is left alone for as long as it asks.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The pause of one store, which all requests to it keep.
#[derive(Debug)]
pub(super) struct Pause {
    /// No pause is longer: a request has its limit in time whatever the store says.
    longest: Duration,
    until: Mutex<Option<Instant>>,
}

impl Pause {
    pub(super) fn new(longest: Duration) -> Self {
        Self {
            longest,
            until: Mutex::new(None),
        }
    }

    /// Takes note of what an answer asks for. Seconds are understood; a date is not: it needs the store's clock.
    pub(super) fn note(&self, headers: &HeaderMap) {
        let seconds = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.trim().parse::<u64>().ok());
        let Some(seconds) = seconds else { return };
        let end = Instant::now() + Duration::from_secs(seconds).min(self.longest);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(end, |other| other.max(end)));
    }

    /// Waits for the end of the pause, if there is one.
    pub(super) async fn over(&self) {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }
}
