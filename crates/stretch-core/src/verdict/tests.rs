//! The rules of Appendix 2, one row each, the scenarios of F6, F7, F19 and F20 by name, and what must never happen.

mod random;

use super::*;
use crate::ids::{BranchId, Nonce};
use DatabaseState::{Connected, Disconnected, Undecided, Waiting};

fn nonce(n: u8) -> Nonce {
    Nonce::from_bytes([n; 16])
}

/// Our nonce, a stranger's, an older one of ours, one that was only intended.
const OURS: u8 = 1;
const STRANGER: u8 = 2;
const OLD: u8 = 3;
const INTENT: u8 = 4;

fn marker(n: u8, sequence: u64) -> PresentMarker {
    PresentMarker {
        nonce: Some(nonce(n)),
        intent: None,
        sequence,
        lsn: 0x2000,
        lsn_in_history: true,
    }
}

fn claim(generation: u64, n: u8, had_heartbeat: bool) -> Option<HighestClaim> {
    Some(HighestClaim {
        generation,
        nonce: nonce(n),
        had_heartbeat,
    })
}

fn beat(generation: u64, n: u8, sequence: u64) -> Option<Heartbeat> {
    Some(Heartbeat {
        generation,
        nonce: nonce(n),
        sequence,
        lsn: 0x2000,
        lsn_in_history: true,
    })
}

/// The plain restart of the owner of generation 5, watched for a whole lease time.
fn restart() -> Facts {
    Facts {
        local: LocalFacts {
            deauthorized: false,
            binding: Some(Binding {
                branch_id: BranchId::from_bytes([9; 16]),
                generation: 5,
                nonce: nonce(OURS),
                system_identifier: 7000,
                database_oid: 16384,
                timeline: 3,
                lsn: 0x1000,
            }),
            this: ThisServer {
                system_identifier: 7000,
                database_oid: 16384,
                timeline: 3,
            },
            start: StartFacts::default(),
            targeted_switch_after_claim: false,
            sentence: None,
            service_key_present: true,
            marker: Marker::Present(marker(OURS, 40)),
            witness: false,
        },
        endpoint: EndpointFacts::Seen(Seen {
            highest: claim(5, OURS, true),
            newest_heartbeat: beat(5, OURS, 40),
            movement: Movement::Still,
        }),
        promotion_wait_over: false,
    }
}

/// A streaming standby of that owner, promoted onto the next timeline.
fn promotion() -> Facts {
    let mut facts = restart();
    facts.local.start.standby_signal = true;
    facts.local.this.timeline = 4;
    facts.local.marker = Marker::Missing;
    facts.local.witness = true;
    facts
}

fn seen(facts: &mut Facts) -> &mut Seen {
    match &mut facts.endpoint {
        EndpointFacts::Seen(seen) => seen,
        EndpointFacts::Unreachable => panic!("the test's endpoint answers"),
    }
}

fn with(mut facts: Facts, change: impl FnOnce(&mut Facts)) -> Facts {
    change(&mut facts);
    facts
}

#[track_caller]
fn expect(facts: &Facts, state: DatabaseState, reason: Reason) {
    let verdict = judge(facts);
    assert_eq!((verdict.state, verdict.reason), (state, reason));
    assert_eq!(
        verdict.next,
        match state {
            Connected => Some(Next::ClaimNextGeneration),
            Waiting => Some(Next::WatchOn),
            Undecided if reason == Reason::Watching => Some(Next::WatchOn),
            Undecided => Some(Next::RetryEndpoint),
            Disconnected => None,
        }
    );
}

#[test]
fn every_rule_has_a_row() {
    let binding_of = |f: &mut Facts| f.local.binding.expect("bound");
    let rows: Vec<(u8, Facts, DatabaseState, Reason)> = vec![
        (
            1,
            with(restart(), |f| f.local.binding = None),
            Disconnected,
            Reason::NoBinding,
        ),
        (
            1,
            with(restart(), |f| f.local.this.system_identifier = 1),
            Disconnected,
            Reason::OtherSystem,
        ),
        (
            1,
            with(restart(), |f| {
                let mut b = binding_of(f);
                b.database_oid = 1;
                f.local.binding = Some(b);
            }),
            Disconnected,
            Reason::OtherDatabase,
        ),
        (
            2,
            with(restart(), |f| f.local.start.recovery_signal = true),
            Disconnected,
            Reason::Restored,
        ),
        (
            2,
            with(restart(), |f| f.local.start.backup_label = true),
            Disconnected,
            Reason::Restored,
        ),
        (
            2,
            with(restart(), |f| f.local.targeted_switch_after_claim = true),
            Disconnected,
            Reason::RestoredToTarget,
        ),
        (
            3,
            with(restart(), |f| f.local.service_key_present = false),
            Disconnected,
            Reason::NoServiceKey,
        ),
        (
            3,
            with(restart(), |f| f.local.marker = Marker::LockedByOther),
            Disconnected,
            Reason::MarkerLocked,
        ),
        (
            4,
            with(restart(), |f| f.endpoint = EndpointFacts::Unreachable),
            Undecided,
            Reason::EndpointUnreachable,
        ),
        (
            5,
            with(restart(), |f| seen(f).highest = claim(6, STRANGER, true)),
            Disconnected,
            Reason::Fenced,
        ),
        (
            6,
            with(restart(), |f| seen(f).movement = Movement::StillWatching),
            Undecided,
            Reason::Watching,
        ),
        (
            6,
            with(restart(), |f| seen(f).movement = Movement::Moves),
            Waiting,
            Reason::OwnerStillLives,
        ),
        (
            6,
            with(restart(), |f| {
                seen(f).movement = Movement::Moves;
                f.promotion_wait_over = true;
            }),
            Disconnected,
            Reason::OwnerLives,
        ),
        (
            6,
            with(restart(), |f| {
                seen(f).movement = Movement::Moves;
                f.local.marker = Marker::Missing;
            }),
            Disconnected,
            Reason::OwnerLives,
        ),
        (7, restart(), Connected, Reason::Restarted),
        (8, promotion(), Connected, Reason::Promoted),
        (
            9,
            with(restart(), |f| f.local.marker = Marker::Missing),
            Disconnected,
            Reason::NotProven,
        ),
        (
            9,
            with(promotion(), |f| f.local.witness = false),
            Disconnected,
            Reason::NotProven,
        ),
        (
            9,
            with(promotion(), |f| f.local.this.timeline = 3),
            Disconnected,
            Reason::NotProven,
        ),
        (
            9,
            with(restart(), |f| {
                seen(f).highest = None;
                seen(f).newest_heartbeat = None;
            }),
            Disconnected,
            Reason::NotProven,
        ),
    ];
    let mut rules_seen = [false; 10];
    for (rule, facts, state, reason) in rows {
        expect(&facts, state, reason);
        assert_eq!(judge(&facts).rule(), rule);
        rules_seen[usize::from(rule)] = true;
    }
    assert!(rules_seen[1..].iter().all(|&seen| seen));
}

#[test]
fn f6a_base_backup_on_the_same_host_started_without_signal_file() {
    // backup_label is in the copy; and without it the marker named after the data directory is not there.
    expect(
        &with(restart(), |f| f.local.start.backup_label = true),
        Disconnected,
        Reason::Restored,
    );
    let without_label = with(restart(), |f| {
        f.local.marker = Marker::Missing;
        seen(f).movement = Movement::Moves;
    });
    expect(&without_label, Disconnected, Reason::OwnerLives);
}

#[test]
fn f6b_create_database_template() {
    let facts = with(restart(), |f| f.local.this.database_oid = 20000);
    expect(&facts, Disconnected, Reason::OtherDatabase);
    assert!(!may_read(Undecided, &facts.local));
}

#[test]
fn f6c_two_identical_twins_of_a_snapshot() {
    // The first to claim goes on; the second sees a claim that is used, or a heartbeat beyond its own marker.
    expect(&restart(), Connected, Reason::Restarted);
    let second = with(restart(), |f| {
        seen(f).highest = claim(6, STRANGER, true);
        seen(f).newest_heartbeat = beat(6, STRANGER, 1);
    });
    expect(&second, Disconnected, Reason::Fenced);
    let original_lives = with(restart(), |f| {
        seen(f).movement = Movement::Moves;
        f.promotion_wait_over = true;
    });
    expect(&original_lives, Disconnected, Reason::OwnerLives);
}

#[test]
fn f6d_storage_rolled_back_with_marker() {
    let facts = with(restart(), |f| {
        f.local.marker = Marker::Present(marker(OURS, 12));
    });
    expect(&facts, Disconnected, Reason::NotProven);
}

#[test]
fn f7_restore_to_the_end_of_the_archive_while_production_is_silent() {
    let facts = with(restart(), |f| {
        f.local.start.recovery_signal = true;
        f.local.this.timeline = 4;
        f.local.marker = Marker::Missing;
    });
    expect(&facts, Disconnected, Reason::Restored);
    // Even with every other sign of a promotion.
    let facts = with(promotion(), |f| f.local.start.recovery_signal = true);
    expect(&facts, Disconnected, Reason::Restored);
}

#[test]
fn f19a_failover_that_lost_the_last_commits() {
    let facts = with(promotion(), |f| {
        let mut last = beat(5, OURS, 41).expect("a heartbeat");
        last.lsn_in_history = false;
        seen(f).newest_heartbeat = Some(last);
    });
    expect(&facts, Connected, Reason::Promoted);
    assert!(has_lost_tail(&facts));
    assert!(!has_lost_tail(&promotion()));
}

#[test]
fn f19b_old_primary_still_beats_for_a_while_after_the_promotion() {
    let mut facts = with(promotion(), |f| seen(f).movement = Movement::Moves);
    expect(&facts, Waiting, Reason::OwnerStillLives);
    seen(&mut facts).movement = Movement::Still;
    expect(&facts, Connected, Reason::Promoted);
}

#[test]
fn f19c_a_recovery_target_before_the_claim_does_not_count() {
    // The fact says "after the claim": an old target leaves it false, a new one sets it.
    expect(&restart(), Connected, Reason::Restarted);
    let facts = with(restart(), |f| f.local.targeted_switch_after_claim = true);
    expect(&facts, Disconnected, Reason::RestoredToTarget);
}

#[test]
fn f19d_a_rejoined_node_with_a_stale_marker_is_promoted() {
    let facts = with(promotion(), |f| {
        let mut stale = marker(OLD, 900);
        stale.lsn_in_history = false;
        f.local.marker = Marker::Present(stale);
    });
    expect(&facts, Connected, Reason::Promoted);
    // The same marker without a witness is worth nothing.
    expect(
        &with(facts, |f| f.local.witness = false),
        Disconnected,
        Reason::NotProven,
    );
}

#[test]
fn f19e_sole_leader_started_as_standby_and_promoted() {
    let facts = with(restart(), |f| {
        f.local.start.standby_signal = true;
        f.local.this.timeline = 4;
    });
    expect(&facts, Connected, Reason::Restarted);
}

#[test]
fn f20_crash_between_claim_and_commit() {
    let facts = with(restart(), |f| {
        let mut intended = marker(OURS, 40);
        intended.intent = Some(nonce(INTENT));
        f.local.marker = Marker::Present(intended);
        seen(f).highest = claim(6, INTENT, false);
    });
    expect(&facts, Connected, Reason::Restarted);
    // The same during a promotion on a node that had no marker before.
    let promoted = with(facts, |f| {
        f.local.witness = true;
        f.local.this.timeline = 4;
        let mut intended = marker(OLD, 3);
        intended.nonce = None;
        intended.intent = Some(nonce(INTENT));
        f.local.marker = Marker::Present(intended);
    });
    assert_eq!(judge(&promoted).state, Connected);
}

#[test]
fn f20_crash_between_commit_and_marker() {
    let facts = with(restart(), |f| {
        let mut intended = marker(OLD, 40);
        intended.intent = Some(nonce(OURS));
        f.local.marker = Marker::Present(intended);
        seen(f).highest = claim(5, OURS, false);
        seen(f).newest_heartbeat = beat(4, OLD, 40);
    });
    expect(&facts, Connected, Reason::Restarted);
    // Once it has beaten, the marker was told; one that was not is an older copy.
    let beaten = with(facts, |f| {
        seen(f).highest = claim(5, OURS, true);
        seen(f).newest_heartbeat = beat(5, OURS, 1);
    });
    expect(&beaten, Disconnected, Reason::NotProven);
}

#[test]
fn f20_a_claim_that_was_never_used_fences_nobody() {
    let facts = with(restart(), |f| seen(f).highest = claim(6, STRANGER, false));
    expect(&facts, Connected, Reason::Restarted);
    // But it does not hide the used claim below it.
    let hidden = with(facts, |f| {
        seen(f).highest = claim(7, STRANGER, false);
        seen(f).newest_heartbeat = beat(6, OLD, 2);
    });
    expect(&hidden, Disconnected, Reason::Fenced);
}

#[test]
fn reading_needs_only_the_local_facts() {
    assert!(may_read(Undecided, &restart().local));
    assert!(may_read(Waiting, &restart().local));
    assert!(!may_read(Disconnected, &restart().local));
    // No own marker: not before the verdict, but after it.
    assert!(!may_read(Undecided, &promotion().local));
    assert!(may_read(Connected, &promotion().local));
    let stale = with(restart(), |f| {
        f.local.marker = Marker::Present(marker(OLD, 40));
    });
    assert!(!may_read(Undecided, &stale.local));
    // A standby (F49), and a restore that pauses at its target.
    assert!(may_read_in_recovery(&promotion().local));
    assert!(!may_read_in_recovery(&restart().local));
    assert!(!may_read_in_recovery(
        &with(promotion(), |f| f.local.start.recovery_signal = true).local
    ));
}

#[test]
fn what_each_state_allows() {
    assert!(!may_migrate(&Verdict::default()));
    for (facts, migrate) in [
        (restart(), true),
        (with(restart(), |f| f.endpoint = EndpointFacts::Unreachable), true),
        (with(restart(), |f| seen(f).movement = Movement::StillWatching), true),
        (with(restart(), |f| seen(f).movement = Movement::Moves), false),
        (with(restart(), |f| f.local.binding = None), false),
    ] {
        let verdict = judge(&facts);
        assert_eq!(may_migrate(&verdict), migrate, "{verdict:?}");
    }
    for state in [Undecided, Waiting, Connected, Disconnected] {
        let connected = state == Connected;
        assert_eq!(may_upload(state), connected);
        assert_eq!(may_purge(state), connected);
        assert_eq!(may_collect(state), connected);
    }
}

#[test]
fn reasons_round_trip_through_shared_memory() {
    for (code, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, code);
        assert_eq!(Reason::from_code(reason as u8), reason);
        assert!(!reason.text().is_empty());
    }
    assert_eq!(Reason::from_code(200), Reason::NotJudged);
}

#[test]
fn what_was_restored_stays_so_over_restarts() {
    let mut first = restart();
    first.local.start.backup_label = true;
    let verdict = judge(&first);
    assert_eq!(verdict.reason, Reason::Restored);
    assert!(outlives_the_start(&first.local, verdict.reason));
    // The next start looks like any other, and the log has grown past the marker.
    let mut next = restart();
    next.local.sentence = Some(verdict.reason);
    assert_eq!(judge(&next), verdict);
    // The data directory was made anew, as that of a standby of a living primary.
    let mut standby = promotion();
    standby.local.sentence = Some(verdict.reason);
    assert_eq!(judge(&standby).reason, Reason::Promoted);
    standby.local.witness = false;
    assert_eq!(judge(&standby), verdict);
}

#[test]
fn storage_that_was_rolled_back_is_remembered() {
    let mut facts = restart();
    facts.local.marker = Marker::Present(PresentMarker {
        lsn_in_history: false,
        ..marker(OURS, 40)
    });
    let verdict = judge(&facts);
    assert_eq!(verdict.reason, Reason::NotProven);
    assert!(outlives_the_start(&facts.local, verdict.reason));
    // An endpoint that was not mounted is no such thing.
    assert!(!outlives_the_start(&restart().local, Reason::NotProven));
    assert!(!outlives_the_start(&facts.local, Reason::Fenced));
}
