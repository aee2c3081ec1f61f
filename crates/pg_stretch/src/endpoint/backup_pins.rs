//! The worker's part of `stretch.pin_backup` and `stretch.unpin_backup`: pins of named backups, on the endpoint and as
//! a copy in the catalog (F18).

use super::identity::enable::text_argument;
use super::identity::{Claim, Identity, open_bound, require_connected};
use super::open;
use crate::pg::error::{Error, Result};
use crate::pg::spi::{self, uuid_arg};
use crate::pg::text::Text;
use crate::pg::{io, txn};
use serde_json::{Value, json};
use std::sync::Arc;
use stretch_core::errors;
use stretch_endpoint::bodies::{BackupRange, FORMAT, PinBody};
use stretch_endpoint::collect::{Adopted, Pins, delete_small, pins};
use stretch_endpoint::keys::{Key, Label};
use stretch_endpoint::pin::{Pinner, write_pin};
use stretch_endpoint::{Endpoint, EndpointError};
use uuid::Uuid;

/// Carries out `pin_backup`. Answers the position from which on everything is kept.
pub fn pin(identity: &Identity, args: &Value) -> Result<Value> {
    let claim = connected(identity)?;
    let label = label(args)?;
    let expires_at = args["expires_at"].as_u64();
    // The position first: what leaves a table after it is kept by the position, what left before is not listed.
    let (from_lsn, keys) = txn::run(|| {
        let lsn = spi::get::<i64>(
            "SELECT (pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::int8",
            &[],
        )?;
        Ok((lsn.unwrap_or(0) as u64, live()?))
    })?;
    let (segments, branch) = (keys.len(), claim.branch);
    let body = PinBody {
        format: FORMAT,
        branch_id: branch,
        keys,
        backup: Some(BackupRange {
            from_lsn,
            generation: claim.generation,
            expires_at,
        }),
    };
    let name = label.as_str().to_owned();
    let written = io::run(write(open_bound()?, claim, label, from_lsn, body))?;
    match written.map_err(|error| open::map_error(&error))? {
        Written::Now => {}
        Written::Taken => {
            return Err(
                Error::new(&errors::EXISTS, format!("a backup \"{name}\" is pinned already"))
                    .hint("Choose another label, or give the other backup up with stretch.unpin_backup."),
            );
        }
        Written::Fenced => return Err(fenced()),
    }
    txn::run(|| {
        spi::execute(
            "INSERT INTO stretch.backup_pin (label, lsn, pinned_at, expires_at, segments, branch_id)
             VALUES ($1, '0/0'::pg_catalog.pg_lsn + $2::pg_catalog.numeric, pg_catalog.clock_timestamp(),
                     pg_catalog.to_timestamp($3), $4, $5)
             ON CONFLICT (branch_id, label) DO UPDATE SET lsn = excluded.lsn, pinned_at = excluded.pinned_at,
                 expires_at = excluded.expires_at, segments = excluded.segments",
            &[
                name.as_str().into(),
                from_lsn.to_string().into(),
                expires_at.map(|seconds| seconds as f64).into(),
                (segments as i64).into(),
                uuid_arg(branch.as_bytes()),
            ],
        )
    })?;
    Ok(json!(from_lsn))
}

/// Carries out `unpin_backup`. Answers whether there was such a pin, on the branch of the database or on one that it
/// has adopted: the backup may be older than a restore in place.
pub fn unpin(identity: &Identity, adopted: &[Claim], args: &Value) -> Result<Value> {
    let own = connected(identity)?;
    let label = label(args)?;
    let name = label.as_str().to_owned();
    let endpoint = open_bound()?;
    let remove_from = |claim| {
        let removed = io::run(remove(endpoint.clone(), claim, label.clone()))?;
        removed.map_err(|error| open::map_error(&error))
    };
    let mut removed = remove_from(own)?.ok_or_else(fenced)?;
    for claim in adopted {
        // Where somebody else has claimed it since, it is his to give up.
        removed += remove_from(*claim)?.unwrap_or(0);
    }
    txn::run(|| {
        spi::execute(
            "DELETE FROM stretch.backup_pin WHERE label = $1",
            &[name.as_str().into()],
        )
    })?;
    Ok(json!(removed > 0))
}

/// Makes the copy in the catalog that of the pins that are there on a branch: after a restore it may know others.
pub fn copy(branch: Uuid, found: &Pins) -> Result<()> {
    let labels: Vec<Option<String>> = found.keys.iter().filter_map(label_of).map(Some).collect();
    spi::execute(
        "DELETE FROM stretch.backup_pin WHERE branch_id = $2 AND NOT label = ANY ($1::text[])",
        &[labels.into(), uuid_arg(branch.as_bytes())],
    )?;
    for (place, pin) in found.pins.iter().enumerate() {
        let stretch_core::collect::facts::Pin::Backup {
            label, from, expires, ..
        } = pin
        else {
            continue;
        };
        let segments = found.pinned.iter().filter(|pinned| pinned.pin == place).count();
        spi::execute(
            "INSERT INTO stretch.backup_pin (label, lsn, expires_at, segments, branch_id)
             VALUES ($1, '0/0'::pg_catalog.pg_lsn + $2::pg_catalog.numeric, pg_catalog.to_timestamp($3), $4, $5)
             ON CONFLICT DO NOTHING",
            &[
                label.as_str().into(),
                from.to_string().into(),
                expires.map(|at| at.0.as_secs_f64()).into(),
                (segments as i64).into(),
                uuid_arg(branch.as_bytes()),
            ],
        )?;
    }
    Ok(())
}

/// Nothing of the copy concerns this branch any more.
pub fn forget(branch: Uuid) -> Result<()> {
    spi::execute(
        "DELETE FROM stretch.backup_pin WHERE branch_id = $1",
        &[uuid_arg(branch.as_bytes())],
    )
    .map(drop)
}

fn label_of(key: &Key) -> Option<String> {
    match key {
        Key::BackupPin { label, .. } => Some(label.as_str().to_owned()),
        _ => None,
    }
}

fn connected(identity: &Identity) -> Result<Claim> {
    match identity.claim() {
        Some(claim) => Ok(claim),
        None => {
            txn::run(require_connected)?;
            Err(Error::new(&errors::DISCONNECTED, "this database is not connected"))
        }
    }
}

fn fenced() -> Error {
    Error::new(&errors::DISCONNECTED, "another server has claimed the branch")
}

fn label(args: &Value) -> Result<Label> {
    let text = text_argument(args, "label")?;
    Label::new(text).map_err(|error| open::map_error(&error))
}

/// The objects of all live segments, wherever they are.
fn live() -> Result<Vec<String>> {
    let keys = spi::rows(
        "SELECT object_key FROM stretch.segment WHERE NOT retired AND object_key IS NOT NULL ORDER BY 1",
        &[],
        |row| Ok(row.get::<Text>(1)?.map(String::from)),
    )?;
    Ok(keys.into_iter().flatten().collect())
}

/// What became of a pin.
enum Written {
    Now,
    /// A backup of this label is pinned.
    Taken,
    /// The claim is not the highest.
    Fenced,
}

async fn write(
    endpoint: Arc<Endpoint>,
    claim: Claim,
    label: Label,
    number: u64,
    body: PinBody,
) -> std::result::Result<Written, EndpointError> {
    let Claim { db, branch, .. } = claim;
    if !claim.is_highest(&endpoint).await? {
        return Ok(Written::Fenced);
    }
    let there = pins(&endpoint, &db, &branch, &Adopted::new()).await?;
    let is_label = |key: &Key| matches!(key, Key::BackupPin { label: known, .. } if *known == label);
    if there.keys.iter().any(is_label) {
        return Ok(Written::Taken);
    }
    // The position is the number, so that the name of a pin that was deleted is not used again.
    write_pin(&endpoint, &db, &branch, &Pinner::Backup(label), number, &body).await?;
    Ok(Written::Now)
}

/// Deletes the pins of a label. `None` when the claim is not the highest.
async fn remove(
    endpoint: Arc<Endpoint>,
    claim: Claim,
    label: Label,
) -> std::result::Result<Option<usize>, EndpointError> {
    let Claim { db, branch, .. } = claim;
    if !claim.is_highest(&endpoint).await? {
        return Ok(None);
    }
    let mut removed = 0;
    for key in pins(&endpoint, &db, &branch, &Adopted::new()).await?.keys {
        if matches!(&key, Key::BackupPin { label: known, .. } if *known == label) {
            delete_small(&endpoint, &key.path(&db)).await?;
            removed += 1;
        }
    }
    Ok(Some(removed))
}

/// Carries out `purge_quarantine`. Answers how many objects were listed; they are judged as any from now on.
pub fn purge_quarantine(identity: &Identity) -> Result<Value> {
    let claim = connected(identity)?;
    let listed = io::run(give_up(open_bound()?, claim))?.map_err(|error| open::map_error(&error))?;
    listed.map(|objects| json!(objects)).ok_or_else(fenced)
}

/// `None` when the claim is not the highest.
async fn give_up(endpoint: Arc<Endpoint>, claim: Claim) -> std::result::Result<Option<u64>, EndpointError> {
    if !claim.is_highest(&endpoint).await? {
        return Ok(None);
    }
    let Claim { db, branch, .. } = claim;
    stretch_endpoint::quarantine::give_up(&endpoint, &db, &branch)
        .await
        .map(Some)
}
