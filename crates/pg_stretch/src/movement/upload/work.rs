//! One job of the uploader: an upload, or the verification of an object that this claim has not read yet (F15).

use super::claim::Claim;
use crate::catalog;
use crate::catalog::record::{Direction, attempt};
use crate::catalog::staged::{self, Staged};
use crate::pg::error::{Error, Result};
use crate::pg::spi::{self, uuid_arg};
use crate::pg::text::Text;
use crate::pg::{steps, txn};
use bytes::Bytes;
use pgrx::pg_sys;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use stretch_core::ids::{SegmentId, TableId};
use stretch_endpoint::keys::SegmentName;
use stretch_endpoint::{Endpoint, EndpointError};

/// What the job is about.
#[derive(Clone)]
pub struct Task {
    pub segment_id: SegmentId,
    pub table_id: TableId,
    pub db_id: uuid::Uuid,
    pub sha256: [u8; 32],
    pub byte_size: u64,
    /// Key of an object to verify; `None` for an upload.
    pub verify: Option<String>,
    /// The staged bytes of an upload.
    pub bytes: Bytes,
}

/// What the job achieved.
pub enum Done {
    Uploaded {
        key: String,
        etag: Option<String>,
    },
    Verified,
    /// The object does not hold the bytes that the catalog names: it has to be uploaded again under another name.
    Differs,
}

/// The oldest segment that waits for an upload, else one that this claim has to verify before it may be purged.
pub fn next(claim: Claim) -> Result<Option<(Task, Arc<Endpoint>)>> {
    txn::run(|| {
        // SAFETY: inside a transaction with an active snapshot.
        let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
        let Some(database) = catalog::tables::database(snapshot)? else {
            return Ok(None);
        };
        let found = spi::rows(
            "SELECT segment_id, table_id, sha256, byte_size, object_key FROM stretch.segment
              WHERE staged AND NOT retired AND (object_key IS NULL OR verified_generation IS DISTINCT FROM $1)
              ORDER BY object_key IS NOT NULL, migrated_at LIMIT 1",
            &[(claim.generation as i64).into()],
            |row| {
                Ok((
                    row.get::<pgrx::Uuid>(1)?,
                    row.get::<pgrx::Uuid>(2)?,
                    row.get::<Vec<u8>>(3)?,
                    row.get::<i64>(4)?,
                    row.get::<Text>(5)?.map(String::from),
                ))
            },
        )?;
        let Some((Some(segment), Some(table), Some(sha256), Some(byte_size), verify)) = found.into_iter().next() else {
            return Ok(None);
        };
        let mut task = Task {
            segment_id: SegmentId::from_uuid(uuid::Uuid::from_bytes(*segment.as_bytes())),
            table_id: TableId::from_uuid(uuid::Uuid::from_bytes(*table.as_bytes())),
            db_id: database.db_id.uuid(),
            sha256: sha256
                .try_into()
                .map_err(|_| Error::internal("a segment's SHA-256 has a wrong length"))?,
            byte_size: byte_size as u64,
            verify,
            bytes: Bytes::new(),
        };
        if task.verify.is_none() {
            task.bytes = staged_bytes(&task, snapshot)?;
        }
        Ok(Some((task, crate::endpoint::open::bound(snapshot)?)))
    })
}

/// All staged pieces of the segment, checked against the catalog's size and SHA-256.
fn staged_bytes(task: &Task, snapshot: pg_sys::Snapshot) -> Result<Bytes> {
    let bytes = match staged::bytes(&task.segment_id, task.byte_size, snapshot)? {
        Staged::Whole(bytes) => bytes,
        Staged::Lacks(number) => {
            return Err(Error::internal(format!(
                "staged piece {number} of segment {} is missing",
                task.segment_id
            )));
        }
    };
    if Sha256::digest(&bytes).as_slice() != task.sha256 {
        return Err(Error::new(
            &stretch_core::errors::CHECKSUM_MISMATCH,
            format!(
                "the staged bytes of segment {} differ from its checksum",
                task.segment_id
            ),
        ));
    }
    Ok(bytes.into())
}

/// The remote part, on the I/O thread.
pub async fn run(task: Task, claim: Claim, endpoint: Arc<Endpoint>) -> std::result::Result<Done, EndpointError> {
    match &task.verify {
        None => {
            let name = SegmentName {
                table: task.table_id.uuid(),
                segment: task.segment_id.uuid(),
                generation: claim.generation,
                attempt: 0,
            };
            steps::reached_on_io_thread(steps::UploadBegun);
            let uploaded = stretch_endpoint::upload::upload_segment(
                &endpoint,
                &task.db_id,
                &claim.branch,
                name,
                &task.bytes,
                &task.sha256,
            )
            .await?;
            steps::reached_on_io_thread(steps::UploadReadBack);
            Ok(Done::Uploaded {
                key: uploaded.key,
                etag: uploaded.etag,
            })
        }
        Some(key) => match endpoint.get(key).await {
            Ok(bytes) if Sha256::digest(&bytes).as_slice() == task.sha256 => Ok(Done::Verified),
            Ok(_) | Err(EndpointError::NotFound { .. }) => Ok(Done::Differs),
            Err(error) => Err(error),
        },
    }
}

/// Writes what the job achieved into the catalog.
pub fn record(task: &Task, claim: Claim, done: &Done, took: Duration) -> Result<()> {
    let id = || uuid_arg(task.segment_id.as_bytes());
    let generation = claim.generation as i64;
    txn::run(|| {
        match done {
            Done::Uploaded { key, etag } => {
                spi::execute(
                    "UPDATE stretch.segment SET object_key = $2, etag = $3, uploaded_at = pg_catalog.clock_timestamp(),
                            verified_at = pg_catalog.clock_timestamp(), verified_generation = $4, lost = false
                      WHERE segment_id = $1 AND object_key IS NULL",
                    &[id(), key.as_str().into(), etag.as_deref().into(), generation.into()],
                )?;
                attempt(
                    &task.table_id,
                    Direction::Upload,
                    0,
                    task.byte_size,
                    took.as_secs_f64(),
                    None,
                )?;
                steps::reached(steps::UploadRecorded);
            }
            Done::Verified => {
                spi::execute(
                    "UPDATE stretch.segment SET verified_at = pg_catalog.clock_timestamp(), verified_generation = $2
                        WHERE segment_id = $1",
                    &[id(), generation.into()],
                )?;
            }
            Done::Differs => {
                crate::pg::error::log(&format!(
                    "pg_stretch: the object of segment {} is missing or damaged; it is uploaded again from staging",
                    task.segment_id
                ));
                spi::execute(
                    "UPDATE stretch.segment SET object_key = NULL, etag = NULL, uploaded_at = NULL, verified_at = NULL,
                        verified_generation = NULL
                      WHERE segment_id = $1 AND staged",
                    &[id()],
                )?;
            }
        }
        Ok(())
    })?;
    steps::reached(steps::UploadCommitted);
    Ok(())
}

/// Notes a failed try in `stretch.migration_status`.
pub fn record_failure(task: &Task, error: &Error) -> Result<()> {
    txn::run(|| {
        attempt(
            &task.table_id,
            Direction::Upload,
            0,
            task.byte_size,
            0.0,
            Some((&error.sqlstate, &error.message)),
        )
    })
}
