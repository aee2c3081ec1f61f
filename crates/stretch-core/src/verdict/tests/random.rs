//! What no combination of facts may ever lead to.

use super::*;
use proptest::prelude::*;

fn any_nonce() -> impl Strategy<Value = Nonce> {
    (OURS..=INTENT).prop_map(nonce)
}

prop_compose! {
    fn any_marker()(
        kind in 0..4u8,
        n in proptest::option::of(any_nonce()),
        intent in proptest::option::of(any_nonce()),
        sequence in 0..4u64,
        lsn_in_history: bool,
    ) -> Marker {
        match kind {
            0 => Marker::Missing,
            1 => Marker::LockedByOther,
            _ => Marker::Present(PresentMarker { nonce: n, intent, sequence, lsn: 1, lsn_in_history }),
        }
    }
}

prop_compose! {
    fn any_endpoint()(
        reachable in prop::bool::weighted(0.9),
        highest in proptest::option::of((4..8u64, any_nonce(), any::<bool>())),
        newest in proptest::option::of((4..8u64, any_nonce(), 0..4u64, any::<bool>())),
        movement in prop_oneof![
            Just(Movement::Still), Just(Movement::Still), Just(Movement::Moves), Just(Movement::StillWatching),
        ],
    ) -> EndpointFacts {
        if !reachable {
            return EndpointFacts::Unreachable;
        }
        EndpointFacts::Seen(Seen {
            highest: highest.map(|(generation, nonce, had_heartbeat)| HighestClaim {
                generation, nonce, had_heartbeat,
            }),
            newest_heartbeat: newest.map(|(generation, nonce, sequence, lsn_in_history)| Heartbeat {
                generation, nonce, sequence, lsn: 1, lsn_in_history,
            }),
            movement,
        })
    }
}

prop_compose! {
    fn any_facts()(
        bound in prop::bool::weighted(0.9),
        identifiers in prop::collection::vec(prop::bool::weighted(0.9), 2),
        signals in prop::collection::vec(prop::bool::weighted(0.15), 4),
        key in prop::bool::weighted(0.9),
        witness: bool,
        over: bool,
        timeline in 2..5u32,
        marker in any_marker(),
        endpoint in any_endpoint(),
    ) -> Facts {
        let mut facts = restart();
        if !bound {
            facts.local.binding = None;
        }
        facts.local.this.system_identifier = if identifiers[0] { 7000 } else { 7001 };
        facts.local.this.database_oid = if identifiers[1] { 16384 } else { 16385 };
        facts.local.this.timeline = timeline;
        facts.local.start = StartFacts {
            standby_signal: signals[0],
            recovery_signal: signals[1],
            backup_label: signals[2],
        };
        facts.local.targeted_switch_after_claim = signals[3];
        facts.local.service_key_present = key;
        facts.local.witness = witness;
        facts.local.marker = marker;
        facts.endpoint = endpoint;
        facts.promotion_wait_over = over;
        facts
    }
}

/// Everything that must be true of a *connected* verdict, written down independently of the rules' order.
fn connected_is_justified(facts: &Facts) -> bool {
    let (local, EndpointFacts::Seen(seen)) = (&facts.local, &facts.endpoint) else {
        return false;
    };
    let (Some(binding), Some(highest)) = (local.binding, seen.highest) else {
        return false;
    };
    let marker = match local.marker {
        Marker::Present(marker) => Some(marker),
        Marker::Missing => None,
        Marker::LockedByOther => return false,
    };
    let intent = marker.and_then(|marker| marker.intent);
    let ours = |n: Nonce| n == binding.nonce || Some(n) == intent;
    let by_marker = marker.is_some_and(|m| {
        let overtaken = seen
            .newest_heartbeat
            .is_some_and(|b| Some(b.nonce) == m.nonce && b.sequence > m.sequence);
        m.lsn_in_history && !overtaken
    });
    binding.system_identifier == local.this.system_identifier
        && binding.database_oid == local.this.database_oid
        && !local.start.recovery_signal
        && (!local.start.backup_label || local.start.standby_signal)
        && !local.targeted_switch_after_claim
        && local.service_key_present
        && (ours(highest.nonce) || !highest.had_heartbeat)
        && seen.movement == Movement::Still
        && (by_marker || (local.witness && local.this.timeline > binding.timeline))
}

#[test]
fn nothing_but_a_proven_incarnation_is_ever_connected() {
    let rules = std::cell::RefCell::new([0u32; 10]);
    crate::seeded::runner(20_000)
        .run(&any_facts(), |facts| {
            let verdict = judge(&facts);
            rules.borrow_mut()[usize::from(verdict.rule())] += 1;
            prop_assert!(verdict.rule() >= 1);
            if verdict.state == Connected {
                prop_assert!(connected_is_justified(&facts));
            }
            if facts.local.start.recovery_signal {
                prop_assert_eq!(verdict.state, Disconnected);
                prop_assert!(!may_read(Undecided, &facts.local));
            }
            if verdict.state == Disconnected {
                prop_assert!(verdict.next.is_none());
                prop_assert!(!may_migrate(&verdict));
            }
            Ok(())
        })
        .expect("the rules hold");
    println!("verdicts by rule: {:?}", rules.borrow());
    assert!(
        rules.borrow()[1..].iter().all(|&count| count > 0),
        "a rule never decided"
    );
}
