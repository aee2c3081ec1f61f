//! Staging is purged last, and only when everything else is certain.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn purgeable() -> StagedSegment {
    StagedSegment {
        connected: true,
        uploaded_at_age: Some(9 * HOUR),
        verified_by_this_claim_age: Some(8 * HOUR),
        rpo: 8 * HOUR,
        listed: true,
        waive_rpo: false,
    }
}

#[test]
fn each_condition_alone_keeps_the_bytes() {
    assert_eq!(may_purge(&purgeable()), Ok(()));
    let rows = [
        (
            StagedSegment {
                connected: false,
                ..purgeable()
            },
            WhyNot::NotConnected,
        ),
        (
            StagedSegment {
                uploaded_at_age: None,
                ..purgeable()
            },
            WhyNot::NotUploaded,
        ),
        (
            StagedSegment {
                verified_by_this_claim_age: None,
                ..purgeable()
            },
            WhyNot::NotVerified,
        ),
        (
            StagedSegment {
                verified_by_this_claim_age: Some(6 * HOUR),
                ..purgeable()
            },
            WhyNot::TooYoung(2 * HOUR),
        ),
        (
            StagedSegment {
                uploaded_at_age: Some(7 * HOUR),
                ..purgeable()
            },
            WhyNot::TooYoung(HOUR),
        ),
        (
            StagedSegment {
                listed: false,
                ..purgeable()
            },
            WhyNot::NotListed,
        ),
    ];
    for (segment, why) in rows {
        assert_eq!(may_purge(&segment), Err(why));
        let waived = StagedSegment {
            waive_rpo: true,
            ..segment
        };
        let only_young = matches!(why, WhyNot::TooYoung(_));
        assert_eq!(may_purge(&waived).is_ok(), only_young, "{why}");
    }
}

#[test]
fn backoff_doubles_and_is_capped() {
    let seconds: Vec<u64> = (0..12).map(|n| upload_backoff(n).as_secs()).collect();
    assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(upload_backoff(u32::MAX).as_secs(), 300);
    assert_eq!(backoff(u32::MAX, Duration::MAX, HOUR), HOUR);
}

/// Room beside `waiting` bytes that are not uploaded, under a limit and a size of batches.
fn room(waiting: u64, limit: u64, batch: u64) -> Result<u64, Full> {
    let staged = Staged { waiting, kept: 0 };
    room_for_batch(
        staged,
        Room {
            waiting: limit,
            kept: 1,
            batch,
        },
    )
}

#[test]
fn migration_waits_for_room() {
    assert_eq!(room(0, 10, 100), Ok(100));
    assert_eq!(room(100, 1000, 100), Ok(100));
    assert_eq!(room(950, 1000, 100), Ok(50));
    assert_eq!(room(995, 1000, 100), Err(Full::Waiting));
    assert_eq!(room(1000, 1000, 100), Err(Full::Waiting));
    assert_eq!(room(2000, 1000, 100), Err(Full::Waiting));
    assert_eq!(room(1, 1, 4), Err(Full::Waiting));
    assert_eq!(room(u64::MAX, u64::MAX, u64::MAX), Err(Full::Waiting));
    // An empty staging does not overshoot a limit that is smaller than a batch.
    assert_eq!(room(0, 64 << 20, 128 << 20), Ok(64 << 20));
}

#[test]
fn uploaded_bytes_have_a_limit_of_their_own() {
    let limits = Room {
        waiting: 1000,
        kept: 500,
        batch: 100,
    };
    let room = |waiting, kept| room_for_batch(Staged { waiting, kept }, limits);
    assert_eq!(room(100, 499), Ok(100));
    assert_eq!(room(100, 500), Err(Full::Kept));
    assert_eq!(room(0, 501), Err(Full::Kept));
    assert_eq!(room(1000, 0), Err(Full::Waiting));
}
