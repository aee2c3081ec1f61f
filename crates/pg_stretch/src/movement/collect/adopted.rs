//! Branches that this database has adopted: an administrator gave them up, and it collects them (F46).

use super::stamps::duration;
use crate::endpoint::backup_pins;
use crate::endpoint::identity::Claim;
use crate::pg::error::Result;
use crate::pg::spi::{self, uuid_arg};
use stretch_core::collect::facts::Standing;
use stretch_core::collect::times::{Stamp, StoreTime};
use stretch_endpoint::collect::Adopted;
use uuid::Uuid;

/// One of them, with the claim on it.
pub struct AdoptedBranch {
    pub claim: Claim,
    pub standing: Standing,
}

/// Those whose claim is made, in a transaction.
pub fn read(db: Uuid) -> Result<Vec<AdoptedBranch>> {
    let found = spi::rows(
        "SELECT branch_id, generation, nonce, pg_catalog.date_part('epoch', store_time)::float8,
                pg_catalog.date_part('epoch', connected)::float8, pg_catalog.date_part('epoch', retention)::float8
           FROM stretch.adopted_branch WHERE generation IS NOT NULL ORDER BY branch_id",
        &[],
        |row| {
            let id = |id: pgrx::Uuid| Uuid::from_bytes(*id.as_bytes());
            let ids = row.get::<pgrx::Uuid>(1)?.map(id).zip(row.get::<pgrx::Uuid>(3)?.map(id));
            let times = row.get::<f64>(4)?.zip(row.get::<f64>(5)?).zip(row.get::<f64>(6)?);
            Ok(ids.zip(row.get::<i64>(2)?).zip(times))
        },
    )?;
    let branch = |(((branch, nonce), generation), ((store, connected), retention)): (((Uuid, Uuid), i64), _)| {
        let since = Stamp {
            store: StoreTime(duration(store)),
            connected: duration(connected),
        };
        AdoptedBranch {
            claim: Claim {
                db,
                branch,
                generation: generation as u64,
                nonce,
            },
            standing: Standing::Adopted {
                since,
                retention: duration(retention),
            },
        }
    };
    Ok(found.into_iter().flatten().map(branch).collect())
}

/// Their standings, for whoever reads pins.
pub fn standings(branches: &[AdoptedBranch]) -> Adopted {
    branches.iter().map(|one| (one.claim.branch, one.standing)).collect()
}

/// Nothing of a branch is left.
pub fn forget(branch: Uuid) -> Result<()> {
    backup_pins::forget(branch)?;
    spi::execute(
        "DELETE FROM stretch.adopted_branch WHERE branch_id = $1",
        &[uuid_arg(branch.as_bytes())],
    )
    .map(drop)
}
