//! The conflicts of row locks, row against row, row against segment, segment against segment.

use super::*;

/// LockConflicts of lock.c, for the modes that are used.
fn conflicts(a: Mode, b: Mode) -> bool {
    use Mode::*;
    let with: &[Mode] = match a {
        AccessShare => &[AccessExclusive],
        RowShare => &[Exclusive, AccessExclusive],
        RowExclusive => &[Share, Exclusive, AccessExclusive],
        Share => &[RowExclusive, Exclusive, AccessExclusive],
        Exclusive => &[RowShare, RowExclusive, Share, Exclusive, AccessExclusive],
        AccessExclusive => &[AccessShare, RowShare, RowExclusive, Share, Exclusive, AccessExclusive],
    };
    with.contains(&b)
}

/// The table of conflicting row-level locks in PostgreSQL's documentation.
fn rows_conflict(a: Strength, b: Strength) -> bool {
    use Strength::*;
    match (a.min(b), a.max(b)) {
        (KeyShare, other) => other == Update,
        (Share, other) => other >= NoKeyUpdate,
        _ => true,
    }
}

#[test]
fn row_locks_conflict_as_those_of_heap_do() {
    for a in Strength::ALL {
        for b in Strength::ALL {
            assert_eq!(conflicts(a.row(), b.row()), rows_conflict(a, b), "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_segment_lock_is_never_weaker_than_the_row_locks_that_it_stands_for() {
    for a in Strength::ALL {
        for b in Strength::ALL {
            let (whole, single) = (conflicts(a.whole(), b.whole()), conflicts(a.whole(), b.intent()));
            assert!(whole || !rows_conflict(a, b), "{a:?} {b:?}");
            assert!(single || !rows_conflict(a, b), "{a:?} {b:?}");
            assert!(!conflicts(a.intent(), b.intent()), "{a:?} {b:?}");
        }
    }
}

#[test]
fn only_a_foreign_key_is_locked_out_needlessly() {
    use Strength::*;
    for a in Strength::ALL {
        for b in Strength::ALL {
            let needless = conflicts(a.whole(), b.intent()) && !rows_conflict(a, b);
            assert_eq!(needless, (a, b) == (KeyShare, NoKeyUpdate), "{a:?} {b:?}");
        }
    }
}

#[test]
fn what_covers_a_row_conflicts_with_all_that_the_row_lock_does() {
    for mine in Strength::ALL {
        let covering: Vec<Mode> = mine.covered_by().collect();
        assert!(covering.contains(&mine.whole()));
        for mode in covering {
            for other in Strength::ALL.into_iter().filter(|other| rows_conflict(mine, *other)) {
                assert!(conflicts(mode, other.intent()), "{mine:?} {mode:?} {other:?}");
            }
        }
    }
    assert_eq!(
        Strength::Update.covered_by().collect::<Vec<_>>(),
        [Mode::AccessExclusive]
    );
    assert!(!Strength::NoKeyUpdate.covered_by().any(|mode| mode == Mode::Share));
}

#[test]
fn a_segment_is_asked_for_now_and_then_and_at_last_each_time() {
    let asked: Vec<u32> = (0..300).filter(|rows| escalation(*rows).is_some()).collect();
    assert_eq!(asked, [64, 128, 192, 256]);
    assert_eq!(escalation(64), Some(Escalation::Try));
    assert_eq!(escalation(TOO_MANY_ROWS - MANY_ROWS), Some(Escalation::Try));
    assert_eq!(escalation(TOO_MANY_ROWS - 1), None);
    assert_eq!(escalation(TOO_MANY_ROWS), Some(Escalation::Wait));
    assert_eq!(escalation(TOO_MANY_ROWS + 1), None);
    assert_eq!(escalation(FAR_TOO_MANY_ROWS - MANY_ROWS), Some(Escalation::Wait));
    for rows in [FAR_TOO_MANY_ROWS, FAR_TOO_MANY_ROWS + 1, u32::MAX] {
        assert_eq!(escalation(rows), Some(Escalation::Insist));
    }
}
