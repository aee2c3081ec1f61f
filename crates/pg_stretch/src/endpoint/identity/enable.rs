//! The worker's part of `stretch.enable_database`: probe, first branch, first claim, then one local transaction (F20,
//! F21).

use super::marker::{self, Intent};
use super::state::{Claim, Identity};
use super::watch::{bind, claim_body, created_by};
use crate::catalog::stretched::none_stretched;
use crate::catalog::tables;
use crate::endpoint::open;
use crate::pg::error::{Error, Result};
use crate::pg::{io, spi, txn};
use pgrx::pg_sys;
use serde_json::Value;
use std::sync::Arc;
use stretch_core::errors;
use stretch_core::ids::BranchId;
use stretch_core::verdict::Reason;
use stretch_endpoint::bodies::{BranchJson, ClaimBody, FORMAT, create_branch, create_database};
use stretch_endpoint::claim::{ClaimOutcome, claim};
use stretch_endpoint::{Endpoint, EndpointError, probe};
use uuid::Uuid;

/// The catalog's default retention, which the first claim records.
const RETENTION_SECONDS: i64 = 7 * 86_400;

/// A text argument of a request.
pub fn text_argument<'a>(args: &'a Value, name: &str) -> Result<&'a str> {
    args.get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| Error::internal(format!("the request lacks {name}")))
}

async fn set_up(
    endpoint: Arc<Endpoint>,
    scratch: String,
    db: Uuid,
    branch: BranchJson,
    body: ClaimBody,
) -> std::result::Result<ClaimOutcome, EndpointError> {
    probe::probe(&endpoint, &scratch).await?;
    create_database(&endpoint, &db, &branch.created_by).await?;
    create_branch(&endpoint, &db, &branch).await?;
    claim(&endpoint, &db, &branch.branch_id, &body).await
}

impl Identity {
    /// Carries out the request `enable_database`.
    pub fn enable(&mut self, args: &Value) -> Result<Value> {
        let url = text_argument(args, "endpoint")?;
        let credential = text_argument(args, "credential")?;
        let endpoint = txn::run(|| {
            // SAFETY: inside a transaction with an active snapshot.
            let snapshot = unsafe { pg_sys::GetActiveSnapshot() };
            if tables::database(snapshot)?.is_some() {
                return Err(Error::new(&errors::EXISTS, "this database is stretched already"));
            }
            open::open(url, credential, snapshot)
        })?;
        let (nonce, branch) = self.choose_branch(&format!("enable {url}"))?;
        // The first branch has the id of its database turned round: one random choice names both.
        let db = Uuid::from_u128(branch.as_u128().rotate_left(64));
        let db = uuid::Builder::from_random_bytes(*db.as_bytes()).into_uuid();
        let body = claim_body(1, nonce, RETENTION_SECONDS);
        let branch_json = BranchJson {
            format: FORMAT,
            branch_id: branch,
            parent: None,
            fork_generation: None,
            fork_lsn: None,
            created_by: created_by(),
        };
        let scratch = crate::pg::random::random_uuid()?.to_string();
        match io::run(set_up(endpoint, scratch, db, branch_json, body.clone()))?.map_err(|e| open::map_error(&e))? {
            ClaimOutcome::Won | ClaimOutcome::AlreadyOurs => {}
            ClaimOutcome::Lost(_) => {
                return Err(Error::new(
                    &errors::STORE_BREAKS_PROMISE,
                    "the first claim of a new branch belongs to another server",
                ));
            }
        }
        txn::run(|| {
            spi::execute(
                "INSERT INTO stretch.database (db_id, endpoint, lineage, credential) VALUES ($1, $2, ARRAY[$3], $4)",
                &[
                    pgrx::Uuid::from_bytes(*db.as_bytes()).into(),
                    url.into(),
                    pgrx::Uuid::from_bytes(*branch.as_bytes()).into(),
                    credential.into(),
                ],
            )?;
            bind(BranchId::from_uuid(branch), &body, Some(credential), Reason::Authorized)
        })?;
        let claim = Claim {
            db,
            branch,
            generation: 1,
            nonce,
        };
        self.bound_by_hand(claim)?;
        Ok(Value::Null)
    }

    /// Carries out the request `deauthorize`: the binding goes, so that the database stays disconnected when it starts
    /// again; the claim on the endpoint stays and is never written to again.
    pub fn deauthorize(&mut self) -> Result<Value> {
        txn::run(|| spi::execute("DELETE FROM stretch.binding", &[]).map(drop))?;
        self.disconnect(Reason::Deauthorized);
        // For the next start of the server; the claim has ended whether this can be written or not.
        if let Some(marker) = &mut self.marker {
            marker.note(|content| content.deauthorized = true)?;
        }
        Ok(Value::Null)
    }

    /// Carries out the request `disable_database`: catalog and marker forget the endpoint, where everything stays as it
    /// is.
    pub fn disable(&mut self) -> Result<Value> {
        txn::run(|| {
            // No table is enabled meanwhile.
            spi::execute("LOCK TABLE stretch.stretched_table IN EXCLUSIVE MODE", &[])?;
            // SAFETY: inside a transaction with an active snapshot.
            none_stretched(unsafe { pg_sys::GetActiveSnapshot() })?;
            for table in [
                "binding",
                "database",
                "staged_chunk",
                "tombstone",
                "segment_detail",
                "segment",
                "abandoned_table",
                "migration_batch",
            ] {
                spi::execute(&format!("DELETE FROM stretch.{table}"), &[])?;
            }
            Ok(())
        })?;
        if self.lock_marker(false)? {
            return Err(Error::new(&errors::NOT_NOW, Reason::MarkerLocked.text()));
        }
        if let Some(marker) = &mut self.marker {
            marker.update(|content| *content = marker::Content::default())?;
        }
        self.forget();
        Ok(Value::Null)
    }

    /// Nonce and id of a branch that is to be made for `purpose`. They are chosen once and kept as intent: a repeated
    /// call goes on with them and leaves nothing behind (F21).
    pub fn choose_branch(&mut self, purpose: &str) -> Result<(Uuid, Uuid)> {
        if self.lock_marker(true)? {
            return Err(Error::new(&errors::NOT_NOW, Reason::MarkerLocked.text()));
        }
        let Some(marker) = &mut self.marker else {
            return Err(Error::internal("the marker is not locked"));
        };
        let intent = marker.content.as_ref().and_then(|content| content.intent.as_ref());
        if let Some(kept) = intent.and_then(|intent| intent.resumes(purpose)) {
            return Ok(kept);
        }
        let (nonce, branch) = (crate::pg::random::random_uuid()?, crate::pg::random::random_uuid()?);
        let intent = Intent::new_branch(nonce, branch, purpose);
        marker.note(|content| content.intent = Some(intent))?;
        Ok((nonce, branch))
    }

    /// enable_database or reauthorize has bound this incarnation: start facts no longer count.
    pub fn bound_by_hand(&mut self, claim: Claim) -> Result<()> {
        if let Some(marker) = &mut self.marker {
            marker.update(|content| {
                content.bind(claim.nonce);
                content.bound_in_start = Some(super::facts::postmaster_start());
            })?;
        }
        self.connected(claim, Reason::Authorized);
        self.beat()
    }
}
