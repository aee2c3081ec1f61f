//! Staging: when staged bytes may go, when an upload is tried again, and when migration waits for room.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// What is known about one staged segment when a purge is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedSegment {
    /// The database is connected now.
    pub connected: bool,
    /// How long ago the upload was recorded; `None` when it was not.
    pub uploaded_at_age: Option<Duration>,
    /// How long ago the object's content was read back and found right, by the claim that holds now.
    pub verified_by_this_claim_age: Option<Duration>,
    /// The RPO duration of the database.
    pub rpo: Duration,
    /// A listing made for this purge shows the object's name and size.
    pub listed: bool,
    /// `purge_staged` asked for it: the RPO does not count, everything else does.
    pub waive_rpo: bool,
}

/// Why staged bytes stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// Only a connected database may drop the only copy it is sure of.
    #[error("the database is not connected")]
    NotConnected,
    /// There is no object yet.
    #[error("the segment is not uploaded yet")]
    NotUploaded,
    /// The object was not read back since this incarnation claimed the branch.
    #[error("the uploaded object was not verified since the database was connected")]
    NotVerified,
    /// The RPO duration is not over; this much is left.
    #[error("the RPO duration is not over yet")]
    TooYoung(Duration),
    /// The object is not where it was, or has another size.
    #[error("the uploaded object is not in the listing")]
    NotListed,
}

/// Whether the staged bytes of a segment may be dropped (F15): only while connected, verified at least one RPO ago by
/// this claim, and still listed.
pub fn may_purge(segment: &StagedSegment) -> Result<(), WhyNot> {
    if !segment.connected {
        return Err(WhyNot::NotConnected);
    }
    let uploaded = segment.uploaded_at_age.ok_or(WhyNot::NotUploaded)?;
    let verified = segment.verified_by_this_claim_age.ok_or(WhyNot::NotVerified)?;
    if !segment.waive_rpo {
        // The later of the two counts: a reauthorized database starts its RPO anew.
        let left = segment.rpo.saturating_sub(uploaded.min(verified));
        if !left.is_zero() {
            return Err(WhyNot::TooYoung(left));
        }
    }
    if !segment.listed {
        return Err(WhyNot::NotListed);
    }
    Ok(())
}

/// How long to wait after the `failures`-th failure in a row: `base`, doubled each time, at most `cap`.
/// No failure, no wait.
pub fn backoff(failures: u32, base: Duration, cap: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => base.saturating_mul(2u32.saturating_pow(doublings.min(31))).min(cap),
    }
}

/// The wait before the next try of an upload: 1 s, doubled, at most 5 min.
pub fn upload_backoff(failures: u32) -> Duration {
    backoff(failures, Duration::from_secs(1), Duration::from_secs(300))
}

/// Bytes in staging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Staged {
    /// Of segments without an object: uploads must catch up.
    pub waiting: u64,
    /// Of segments that are uploaded, kept until the RPO is over.
    pub kept: u64,
}

/// What staging and a batch may hold, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// `stretch.max_staged_bytes`, for what waits for its upload.
    pub waiting: u64,
    /// `stretch.max_kept_bytes`, for what is uploaded.
    pub kept: u64,
    /// `stretch.batch_bytes`.
    pub batch: u64,
}

/// Which limit makes migration wait (ST019).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Uploads have to catch up.
    Waiting,
    /// Only the end of the RPO, or somebody's decision, clears it.
    Kept,
}

/// Bytes that an empty staging takes under any limit: one mebibyte.
const SMALLEST_BATCH: u64 = 1 << 20;

/// How many bytes the next batch may stage.
///
/// Never more than a batch. Less than an eighth of a batch is not worth a segment. Where nothing waits for an upload
/// there is always room for a mebibyte, so that a smaller limit does not stop migration for good.
///
/// # Errors
/// The limit that is reached.
pub fn room_for_batch(staged: Staged, room: Room) -> Result<u64, Full> {
    if staged.kept >= room.kept {
        return Err(Full::Kept);
    }
    if staged.waiting == 0 {
        return Ok(room.batch.min(room.waiting.max(SMALLEST_BATCH)));
    }
    let left = room.waiting.saturating_sub(staged.waiting).min(room.batch);
    match left > 0 && left >= room.batch / 8 {
        true => Ok(left),
        false => Err(Full::Waiting),
    }
}
