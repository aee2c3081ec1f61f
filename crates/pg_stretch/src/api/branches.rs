//! What the view `stretch.branches` shows: the branches of this database on its endpoint, as they are now.

use crate::catalog;
use crate::catalog::snapshot::Latest;
use crate::endpoint::{identity, open};
use crate::pg::error::{Error, OrRaise, Result};
use crate::pg::text::Text;
use crate::pg::{io, spi, user};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use std::sync::Arc;
use stretch_core::collect::times::StoreTime;
use stretch_core::errors;
use stretch_endpoint::branches::{BranchSeen, branches};
use stretch_endpoint::{Endpoint, EndpointError};
use uuid::Uuid;

/// Microseconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH_2000: i64 = 946_684_800_000_000;

/// `stretch.branch_facts()`: no row without a stretched database.
#[pg_extern]
#[allow(clippy::type_complexity)] // the columns of a set-returning function are written out
fn stretch_branch_facts() -> TableIterator<
    'static,
    (
        name!(branch_id, pgrx::Uuid),
        name!(parent, Option<pgrx::Uuid>),
        name!(created_by, Option<Text>),
        name!(generation, Option<i64>),
        name!(pinned_objects, i64),
        name!(last_heartbeat, Option<TimestampWithTimeZone>),
        name!(retention_seconds, Option<f64>),
    ),
> {
    let id = |id: Uuid| pgrx::Uuid::from_bytes(*id.as_bytes());
    TableIterator::new(facts().or_raise().into_iter().map(move |seen| {
        let (parent, created_by) = match seen.made {
            Some(made) => (made.parent.map(id), Some(made.created_by.into())),
            None => (None, None),
        };
        (
            id(seen.branch),
            parent,
            created_by,
            seen.generation.map(|generation| generation as i64),
            seen.pinned as i64,
            seen.last_heartbeat.and_then(time),
            seen.retention_seconds.map(|seconds| seconds as f64),
        )
    }))
}

fn facts() -> Result<Vec<BranchSeen>> {
    may_read()?;
    let latest = Latest::take();
    let Some(database) = catalog::tables::database(latest.get())? else {
        return Ok(Vec::new());
    };
    identity::require_connected()?;
    let endpoint = {
        let _owner = user::ActAs::extension_owner();
        open::bound(latest.get())?
    };
    io::run(look(endpoint, database.db_id.uuid()))?.map_err(|error| open::map_error(&error))
}

async fn look(endpoint: Arc<Endpoint>, db: Uuid) -> std::result::Result<Vec<BranchSeen>, EndpointError> {
    branches(&endpoint, &db).await
}

/// The view calls the function as whoever reads the view, so whoever may read the view may call it.
fn may_read() -> Result<()> {
    let allowed = spi::get::<bool>("SELECT has_table_privilege('stretch.branches', 'SELECT')", &[])?;
    if allowed == Some(true) {
        return Ok(());
    }
    Err(
        Error::new(&errors::NOT_OWNER, "permission denied for view stretch.branches")
            .hint("GRANT SELECT ON stretch.branches, or grant membership in pg_monitor."),
    )
}

fn time(at: StoreTime) -> Option<TimestampWithTimeZone> {
    let micros = i64::try_from(at.0.as_micros()).ok()?;
    TimestampWithTimeZone::try_from(micros - EPOCH_2000).ok()
}
