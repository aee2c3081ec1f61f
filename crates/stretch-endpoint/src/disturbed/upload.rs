//! The uploader: what is staged and has no object is sent.

use super::call::ask;
use super::catalog::{DB, name};
use super::world::World;
use crate::error::EndpointError;
use crate::testing::sha256;
use crate::upload::upload_segment;

/// Uploads what waits for it; each one is recorded.
pub(super) fn upload(world: &mut World) -> Result<(), EndpointError> {
    let claim = world.catalog.claim.expect("a connected database");
    let waits = |row: &super::catalog::Segment| row.is_staged && !row.is_retired && row.key.is_none();
    while let Some((id, row)) = world.catalog.segments.iter().find(|(_, row)| waits(row)) {
        let (id, bytes, sum) = (*id, row.bytes.clone(), sha256(&row.bytes));
        let name = name(id, claim.generation, 0);
        let endpoint = &world.endpoint;
        let uploaded = ask(world, upload_segment(endpoint, &DB, &claim.branch, name, &bytes, &sum))?;
        if let Some(row) = world.catalog.segments.get_mut(&id) {
            row.key = Some(uploaded.key);
        }
    }
    Ok(())
}
