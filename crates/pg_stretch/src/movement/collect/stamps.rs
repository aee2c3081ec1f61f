//! Times that the catalog keeps for retentions: when retirements became known, and how long the database was connected.

use crate::pg::error::Result;
use crate::pg::spi::{self, uuid_arg};
use std::time::Duration;
use stretch_core::collect::times::Stamp;

/// Retirements whose time by the store's clock is not written down yet. What time it is there is asked after this, so
/// that it is not before their commit.
pub fn missing() -> Result<Vec<[u8; 16]>> {
    let found = spi::rows(
        "SELECT segment_id FROM stretch.segment
          WHERE retired AND retired_lsn IS NOT NULL AND retired_store_time IS NULL",
        &[],
        |row| row.get::<pgrx::Uuid>(1),
    )?;
    Ok(found.into_iter().flatten().map(|id| *id.as_bytes()).collect())
}

/// Writes the time of these retirements down.
pub fn write(segments: &[[u8; 16]], at: Stamp) -> Result<()> {
    for segment in segments {
        spi::execute(
            "UPDATE stretch.segment SET retired_store_time = pg_catalog.to_timestamp($2),
                    retired_connected = pg_catalog.make_interval(secs => $3)
              WHERE segment_id = $1 AND retired AND retired_store_time IS NULL",
            &[
                uuid_arg(segment),
                at.store.0.as_secs_f64().into(),
                at.connected.as_secs_f64().into(),
            ],
        )?;
    }
    Ok(())
}

/// Adds time during which the database was connected. Some of it may be forgotten in a crash, which makes retentions
/// longer.
pub fn add_connected(time: Duration) -> Result<()> {
    spi::execute(
        "INSERT INTO stretch.collection AS c (connected) VALUES (pg_catalog.make_interval(secs => $1))
             ON CONFLICT (one) DO UPDATE SET connected = c.connected + excluded.connected",
        &[time.as_secs_f64().into()],
    )
    .map(drop)
}

/// How long it has been connected.
pub fn connected() -> Result<Duration> {
    let seconds = spi::get::<f64>(
        "SELECT pg_catalog.date_part('epoch', connected)::float8 FROM stretch.collection",
        &[],
    )?;
    Ok(seconds.map_or(Duration::ZERO, duration))
}

/// Seconds as the catalog's queries give them.
pub fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
