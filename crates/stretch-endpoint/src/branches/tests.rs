//! Tests of what is seen of branches.

use super::*;
use crate::bodies::{ClaimBody, FORMAT, PinBody, create_branch, create_database};
use crate::claim::claim;
use crate::keys::{Label, SegmentName};
use crate::lease::heartbeat;
use crate::pin::{Pinner, write_next_pin};
use crate::testing::{id, memory, run, text};

const DB: Uuid = Uuid::from_u128(1);

fn made(branch: Uuid, parent: Option<Uuid>) -> BranchJson {
    BranchJson {
        format: FORMAT,
        branch_id: branch,
        parent,
        fork_generation: None,
        fork_lsn: None,
        created_by: "somebody".into(),
    }
}

fn claim_of(generation: u64) -> ClaimBody {
    ClaimBody {
        format: FORMAT,
        generation,
        nonce: id(90 + u128::from(generation)),
        system_identifier: 1,
        database_oid: 1,
        timeline: 1,
        lsn: 1,
        retention_seconds: 60,
        created_by: "somebody".into(),
    }
}

fn object(branch: Uuid, segment: u128) -> String {
    let name = SegmentName {
        table: id(10),
        segment: id(segment),
        generation: 1,
        attempt: 0,
    };
    Key::Segment { branch, name }.path(&DB)
}

#[test]
fn all_branches_are_seen_with_what_they_say_of_themselves() {
    let endpoint = memory();
    let (first, second, begun) = (id(2), id(3), id(4));
    let seen = run(async {
        create_database(&endpoint, &DB, "now").await.expect("a database");
        create_branch(&endpoint, &DB, &made(first, None))
            .await
            .expect("a branch");
        create_branch(&endpoint, &DB, &made(second, Some(first)))
            .await
            .expect("a branch");
        for generation in [1, 2] {
            claim(&endpoint, &DB, &first, &claim_of(generation))
                .await
                .expect("a claim");
        }
        let beat = LeaseBody {
            format: FORMAT,
            generation: 2,
            sequence: 1,
            nonce: id(92),
            system_identifier: 1,
            database_oid: 1,
            timeline: 1,
            flushed_lsn: 1,
            retention_seconds: Some(30),
        };
        heartbeat(&endpoint, &DB, &first, &beat).await.expect("a heartbeat");
        // An object that two pin is one; those of other branches are theirs.
        let keys = vec![object(first, 20), object(first, 21), object(second, 22)];
        for who in [Pinner::Child(second), Pinner::Backup(Label::new("b").expect("a label"))] {
            let body = PinBody {
                format: FORMAT,
                branch_id: second,
                keys: keys.clone(),
                backup: None,
            };
            write_next_pin(&endpoint, &DB, &first, &who, &body)
                .await
                .expect("a pin");
        }
        // A call that was interrupted, and what is none.
        for key in [object(begun, 23), format!("{DB}/something/else")] {
            endpoint.put_new(&key, &text("x")).await.expect("an object");
        }
        branches(&endpoint, &DB).await.expect("branches")
    });
    let ids: Vec<Uuid> = seen.iter().map(|one| one.branch).collect();
    assert_eq!(ids, [first, second, begun]);
    let parents: Vec<_> = seen
        .iter()
        .map(|one| one.made.as_ref().map(|made| made.parent))
        .collect();
    assert_eq!(parents, [Some(None), Some(Some(first)), None]);
    let said: Vec<_> = seen.iter().map(|one| (one.generation, one.retention_seconds)).collect();
    assert_eq!(said, [(Some(2), Some(30)), (None, None), (None, None)]);
    let pinned: Vec<_> = seen.iter().map(|one| one.pinned).collect();
    assert_eq!(pinned, [2, 0, 0]);
    assert!(seen[0].last_heartbeat.is_some() && seen[1].last_heartbeat.is_none());
}
