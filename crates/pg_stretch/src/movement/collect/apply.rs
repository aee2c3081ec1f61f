//! What a look changes in the catalog, of which the endpoint is not told.

use crate::catalog::abandoned;
use crate::pg::error::Result;
use crate::pg::spi::{self, uuid_arg};
use crate::pg::steps;
use stretch_core::collect::facts::SegmentOf;
use stretch_core::collect::plan::Plan;
use stretch_core::collect::times::Stamp;

/// Writes sightings down and takes out what is gone. `at` is not before the end of the listing.
pub fn apply(plan: &Plan, at: Stamp) -> Result<()> {
    for of in &plan.sightings {
        spi::execute(
            "INSERT INTO stretch.sighting (table_id, segment_id, store_time, connected)
             VALUES ($1, $2, pg_catalog.to_timestamp($3), pg_catalog.make_interval(secs => $4)) ON CONFLICT DO NOTHING",
            &[
                uuid_arg(of.table.as_bytes()),
                uuid_arg(of.segment.as_bytes()),
                at.store.0.as_secs_f64().into(),
                at.connected.as_secs_f64().into(),
            ],
        )?;
    }
    for of in &plan.seen_in_vain {
        spi::execute(
            "DELETE FROM stretch.sighting WHERE table_id = $1 AND segment_id = $2",
            &[uuid_arg(of.table.as_bytes()), uuid_arg(of.segment.as_bytes())],
        )?;
    }
    forget(&plan.forgotten)
}

/// Takes retired segments out of the catalog: nothing of them is on the endpoint any more that is ours.
pub fn forget(segments: &[SegmentOf]) -> Result<()> {
    for of in segments {
        abandoned::was_collected(&of.segment)?;
        let gone = spi::execute(
            "DELETE FROM stretch.segment WHERE segment_id = $1 AND retired RETURNING 1",
            &[uuid_arg(of.segment.as_bytes())],
        )?;
        if gone == 0 {
            continue;
        }
        for sql in [
            "DELETE FROM stretch.segment_detail WHERE segment_id = $1",
            "DELETE FROM stretch.tombstone WHERE segment_id = $1",
            "DELETE FROM stretch.staged_chunk WHERE segment_id = $1",
        ] {
            spi::execute(sql, &[uuid_arg(of.segment.as_bytes())])?;
        }
        steps::reached(steps::CollectForgotten);
    }
    Ok(())
}
