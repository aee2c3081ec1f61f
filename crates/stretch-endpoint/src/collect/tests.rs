//! Tests of the collector's requests.

use super::*;
use crate::bodies::{BackupRange, BranchJson, ClaimBody, FORMAT, PinBody, QuarantineBody, create_branch};
use crate::claim::{Claim, claim};
use crate::error::EndpointError;
use crate::faults::{Fault, FaultyStore};
use crate::keys::{Key, Label, SegmentName};
use crate::pin::{Pinner, pins_of, write_next_pin, write_pin};
use crate::quarantine::quarantine;
use crate::store::Endpoint;
use crate::testing::{id, memory, run, text};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;
use stretch_core::collect::again::{Condemned, Readings, look_again};
use stretch_core::collect::facts::{
    Facts, Mark, Object, ObjectName, Pin, Pinned, Scope, SegmentOf, Sighting, Standing,
};
use stretch_core::collect::litter::Small;
use stretch_core::collect::times::{Stamp, Steady, StoreTime};
use uuid::Uuid;

const DB: Uuid = Uuid::from_u128(1);
const BRANCH: Uuid = Uuid::from_u128(2);
const DAY: Duration = Duration::from_secs(86_400);

fn name(segment: u128) -> SegmentName {
    SegmentName {
        table: id(10),
        segment: id(segment),
        generation: 3,
        attempt: 0,
    }
}

fn key(segment: u128) -> String {
    let name = name(segment);
    Key::Segment { branch: BRANCH, name }.path(&DB)
}

fn pin(keys: &[String]) -> PinBody {
    PinBody {
        format: FORMAT,
        branch_id: id(3),
        keys: keys.to_vec(),
        backup: None,
    }
}

async fn put(endpoint: &Endpoint, keys: &[String]) {
    for key in keys {
        endpoint.put_new(key, &text("rows")).await.expect("a put");
    }
}

async fn listed(endpoint: &Endpoint) -> Vec<String> {
    let all = endpoint.list("").await.expect("a listing");
    all.into_iter().map(|object| object.key).collect()
}

/// What a second look condemns of orphans that were seen long ago.
fn condemned(objects: &[Object], marks: &[Mark]) -> Condemned {
    let now = objects.iter().map(|object| object.modified).max();
    let now = now.unwrap_or(StoreTime(Duration::ZERO));
    let later = Stamp {
        store: StoreTime(now.0 + DAY),
        connected: DAY,
    };
    let tables = BTreeSet::new();
    let facts = Facts {
        branch: Standing::Owned,
        generation: 3,
        now: later,
        retention: Duration::ZERO,
        grace: Duration::from_secs(3600),
        tables: &tables,
        pins: &[],
        scope: Scope::Branch,
    };
    let seen = objects.iter().map(|object| {
        Ok::<_, Infallible>(Sighting {
            of: object.name.of,
            at: Stamp {
                store: now,
                connected: Duration::ZERO,
            },
        })
    });
    let marks = marks.iter().copied().map(Ok);
    let nothing = std::iter::empty();
    look_again(&facts, objects, nothing, std::iter::empty(), marks, seen, |_, _| {}).expect("a look")
}

#[test]
fn a_branch_is_surveyed() {
    let endpoint = memory();
    run(async {
        let empty = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new())
            .await
            .expect("a survey");
        assert_eq!((empty.objects, empty.marks), (Vec::new(), Vec::new()));
        // Given in another order than that of their names; one name that is nobody's.
        put(&endpoint, &[key(22), key(21)]).await;
        let strange = key(21).replace(".parquet", ".backup");
        put(&endpoint, std::slice::from_ref(&strange)).await;
        write_mark(&endpoint, &DB, &BRANCH, name(22).into(), 3)
            .await
            .expect("a mark");
        write_mark(&endpoint, &DB, &BRANCH, name(22).into(), 3)
            .await
            .expect("the same mark");
        let child = Pinner::Child(id(3));
        write_next_pin(&endpoint, &DB, &BRANCH, &child, &pin(&[key(21)]))
            .await
            .expect("a pin");
        let lease = |sequence| Key::Lease {
            branch: BRANCH,
            generation: 3,
            sequence,
        };
        put(
            &endpoint,
            &[lease(7).path(&DB), lease(8).path(&DB), "probe/x/body".into()],
        )
        .await;
        let found = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new())
            .await
            .expect("a survey");
        let names: Vec<SegmentName> = found.objects.iter().map(|object| object.name.into()).collect();
        assert_eq!(names, [name(21), name(22)]);
        assert_eq!(found.unknown, [strange]);
        assert_eq!(found.marks.len(), 1);
        assert_eq!(found.marks[0].of, ObjectName::from(name(22)));
        assert_eq!(found.pins.pins.len(), 1);
        assert_eq!(found.pins.pinned.len(), 1);
        assert_eq!(found.beats.newest_own, Some(8));
        let small: Vec<Small> = found.litter.iter().map(|object| object.small).collect();
        assert!(
            small.contains(&Small::Pin(0)) && small.contains(&Small::Probe),
            "{small:?}"
        );
        assert_eq!(small.len(), 4);
    });
}

#[test]
fn backups_pin_from_a_position_on() {
    let endpoint = memory();
    run(async {
        let label = Label::new("monthly").expect("a label");
        let mut body = pin(&[key(21)]);
        body.backup = Some(BackupRange {
            from_lsn: 77,
            generation: 3,
            expires_at: Some(1000),
        });
        let who = Pinner::Backup(label);
        write_pin(&endpoint, &DB, &BRANCH, &who, 77, &body)
            .await
            .expect("a pin");
        let found = pins(&endpoint, &DB, &BRANCH, &Adopted::new()).await.expect("pins");
        let expected = Pin::Backup {
            label: "monthly".into(),
            from: 77,
            generation: 3,
            expires: Some(StoreTime(Duration::from_secs(1000))),
        };
        assert_eq!(found.pins, [expected]);
        // One that does not say since when protects nobody knows what.
        write_pin(&endpoint, &DB, &BRANCH, &who, 78, &pin(&[]))
            .await
            .expect("a pin");
        let unread = pins(&endpoint, &DB, &BRANCH, &Adopted::new()).await;
        assert!(matches!(unread, Err(EndpointError::Corrupt { .. })));
    });
}

#[test]
fn quarantines_hold_what_they_list() {
    let endpoint = memory();
    run(async {
        let body = QuarantineBody {
            format: FORMAT,
            generation: 5,
            lsn: 7,
            created_by: "somebody".into(),
            keys: vec![key(21)],
        };
        assert_eq!(quarantine(&endpoint, &DB, &BRANCH, body).await, Ok(1));
        let found = pins(&endpoint, &DB, &BRANCH, &Adopted::new()).await.expect("pins");
        assert_eq!(found.pins, [Pin::Quarantine { number: 1 }]);
        let of = ObjectName::from(name(21)).of;
        assert_eq!(found.pinned, [Pinned { of, pin: 0 }]);
    });
}

#[test]
fn what_is_not_understood_stops_the_collector() {
    run(async {
        let endpoint = memory();
        let child = Pinner::Child(id(3));
        write_next_pin(&endpoint, &DB, &BRANCH, &child, &pin(&["something".into()]))
            .await
            .expect("a pin");
        let unread = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new()).await;
        assert!(matches!(unread, Err(EndpointError::Corrupt { .. })));
        let endpoint = memory();
        let quarantine = Key::Quarantine { branch: BRANCH, n: 1 };
        put(&endpoint, &[quarantine.path(&DB)]).await;
        let unread = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new()).await;
        assert!(matches!(unread, Err(EndpointError::Corrupt { .. })));
    });
}

#[test]
fn a_warrant_deletes_one_object_and_its_marks() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        put(&endpoint, &[key(21), key(22)]).await;
        for generation in [2, 3] {
            let marked = write_mark(&endpoint, &DB, &BRANCH, name(21).into(), generation);
            marked.await.expect("a mark");
        }
        let found = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new())
            .await
            .expect("a survey");
        let mut condemned = condemned(&found.objects, &found.marks);
        assert_eq!(condemned.objects().count(), 1, "the other one is not marked");
        let start = Steady(Duration::ZERO);
        let readings = Readings {
            time: start,
            pins: start,
            rows: start,
            claim: start,
        };
        let grace = Duration::from_secs(3600);
        let warrant = condemned.next(&readings, start, grace).expect("fresh").expect("one");
        let delete = || delete_condemned(&endpoint, &DB, &BRANCH, &warrant, &found.marks, grace);
        store.plan(Fault::DeleteFails, "/segment/", 1);
        assert!(delete().await.is_err_and(|error| error.is_transient()));
        assert_eq!(listed(&endpoint).await.len(), 4, "the marks stay with the object");
        delete().await.expect("a deletion");
        assert_eq!(listed(&endpoint).await, [key(22)]);
        delete().await.expect("what is gone is gone");
    });
}

#[test]
fn a_deletion_that_hangs_is_given_up_in_time() {
    let store = FaultyStore::in_memory();
    let endpoint = Endpoint::from_store(store.clone(), "");
    run(async {
        put(&endpoint, &[key(21)]).await;
        write_mark(&endpoint, &DB, &BRANCH, name(21).into(), 3)
            .await
            .expect("a mark");
        let found = survey(&endpoint, &DB, &BRANCH, 3, &Adopted::new())
            .await
            .expect("a survey");
        let mut condemned = condemned(&found.objects, &found.marks);
        let start = Steady(Duration::ZERO);
        let readings = Readings {
            time: start,
            pins: start,
            rows: start,
            claim: start,
        };
        let grace = Duration::from_millis(100);
        let warrant = condemned.next(&readings, start, grace).expect("fresh").expect("one");
        store.plan(Fault::Hang, "/segment/", 1);
        let hung = delete_condemned(&endpoint, &DB, &BRANCH, &warrant, &found.marks, grace).await;
        assert!(hung.is_err_and(|error| error.is_transient()));
        assert_eq!(store.hits(), 1);
    });
}

#[test]
fn rows_are_never_deleted_by_their_name() {
    let endpoint = memory();
    run(async {
        let record = Key::Claim {
            branch: BRANCH,
            generation: 1,
        };
        let keys = [key(21), record.path(&DB), "something".into(), "probe/a/b/c".into()];
        put(&endpoint, &keys).await;
        for key in &keys {
            let refused = delete_small(&endpoint, key).await;
            assert!(matches!(refused, Err(EndpointError::BadKey(_))), "{key}");
        }
        assert_eq!(listed(&endpoint).await.len(), 4);
    });
}

#[test]
fn the_store_says_what_time_it_is() {
    let endpoint = memory();
    run(async {
        let first = store_time(&endpoint, "one").await.expect("a time");
        let second = store_time(&endpoint, "two").await.expect("a time");
        assert!(first <= second && first.0 > DAY * 365 * 50);
        assert!(listed(&endpoint).await.is_empty());
    });
}

/// The claim of a branch, made.
async fn claimed(endpoint: &Endpoint, branch: Uuid, generation: u64) -> Claim {
    let body = ClaimBody {
        format: FORMAT,
        generation,
        nonce: id(50 + u128::from(generation)),
        system_identifier: 1,
        database_oid: 1,
        timeline: 1,
        lsn: 1,
        retention_seconds: 60,
        created_by: "a test".into(),
    };
    claim(endpoint, &DB, &branch, &body).await.expect("a claim");
    Claim {
        db: DB,
        branch,
        generation,
        nonce: body.nonce,
    }
}

/// What somebody pins in the branch: numbers of pins, and keys.
async fn held(endpoint: &Endpoint, who: &Pinner) -> (Vec<u64>, Vec<String>) {
    let pins = pins_of(endpoint, &DB, &BRANCH, who).await.expect("pins");
    let numbers = pins.iter().map(|(n, _)| *n).collect();
    (numbers, pins.into_iter().flat_map(|(_, body)| body.keys).collect())
}

fn of(segments: &[u128]) -> BTreeSet<SegmentOf> {
    let of = |segment: &u128| ObjectName::from(name(*segment)).of;
    segments.iter().map(of).collect()
}

#[test]
fn a_child_releases_what_it_needs_no_more() {
    let endpoint = memory();
    let (child, other) = (Pinner::Child(id(3)), Pinner::Child(id(4)));
    run(async {
        let own = claimed(&endpoint, id(3), 1).await;
        let write = async |who: &Pinner, keys: &[String]| {
            let written = write_next_pin(&endpoint, &DB, &BRANCH, who, &pin(keys)).await;
            written.expect("a pin");
        };
        write(&child, &[key(21), key(22)]).await;
        write(&child, &[key(23)]).await;
        write(&other, &[key(21)]).await;
        let drop = async |segments: &[u128]| {
            let released = release(&endpoint, &BRANCH, &own, &of(segments)).await;
            released.expect("released");
        };
        drop(&[99]).await;
        assert_eq!(held(&endpoint, &child).await.0, [0, 1], "nothing has changed");
        drop(&[21]).await;
        assert_eq!(held(&endpoint, &child).await, (vec![2], vec![key(22), key(23)]));
        drop(&[22, 23]).await;
        assert_eq!(
            held(&endpoint, &child).await,
            (vec![3], Vec::new()),
            "the number stays taken"
        );
        write(&child, &[key(24)]).await;
        assert_eq!(held(&endpoint, &child).await, (vec![3, 4], vec![key(24)]));
        assert_eq!(held(&endpoint, &other).await, (vec![0], vec![key(21)]));
    });
}

/// Whoever was fenced may be about to release what the new owner of the branch needs again.
#[test]
fn a_fenced_child_releases_nothing() {
    let endpoint = memory();
    let who = Pinner::Child(id(3));
    run(async {
        let body = BranchJson {
            format: FORMAT,
            branch_id: id(3),
            parent: Some(BRANCH),
            fork_generation: None,
            fork_lsn: None,
            created_by: "a test".into(),
        };
        create_branch(&endpoint, &DB, &body).await.expect("a branch");
        create_branch(
            &endpoint,
            &DB,
            &BranchJson {
                branch_id: BRANCH,
                parent: None,
                ..body
            },
        )
        .await
        .expect("a branch");
        let fenced = claimed(&endpoint, id(3), 1).await;
        let written = write_next_pin(&endpoint, &DB, &BRANCH, &who, &pin(&[key(21), key(22)])).await;
        written.expect("a pin");
        claimed(&endpoint, id(3), 2).await;
        let released = release(&endpoint, &BRANCH, &fenced, &of(&[21])).await;
        released.expect("nothing to do");
        let (_, keys) = held(&endpoint, &who).await;
        assert!(keys.contains(&key(21)), "{keys:?}");
        drop_pins(&endpoint, &fenced).await.expect("nothing to do");
        let (_, keys) = held(&endpoint, &who).await;
        assert!(keys.contains(&key(21)), "{keys:?}");
    });
}

#[test]
fn pins_of_a_branch_that_was_given_up_go_everywhere() {
    let endpoint = memory();
    let grand = id(9);
    run(async {
        let made = async |branch: Uuid, parent| {
            let body = BranchJson {
                format: FORMAT,
                branch_id: branch,
                parent,
                fork_generation: None,
                fork_lsn: None,
                created_by: "a test".into(),
            };
            create_branch(&endpoint, &DB, &body).await.expect("a branch");
        };
        made(grand, None).await;
        made(BRANCH, Some(grand)).await;
        made(id(3), Some(BRANCH)).await;
        for branch in [grand, BRANCH] {
            for child in [id(3), id(4)] {
                let who = Pinner::Child(child);
                write_next_pin(&endpoint, &DB, &branch, &who, &pin(&[key(21)]))
                    .await
                    .expect("a pin");
            }
        }
        let since = Stamp {
            store: StoreTime(DAY),
            connected: DAY,
        };
        let standing = Standing::Adopted { since, retention: DAY };
        let adopted = Adopted::from([(id(3), standing)]);
        let found = pins(&endpoint, &DB, &BRANCH, &adopted).await.expect("pins");
        let standings: Vec<Standing> = found
            .pins
            .iter()
            .map(|pin| match pin {
                Pin::Child { standing, .. } => *standing,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(standings, [standing, Standing::Owned]);
        let own = claimed(&endpoint, id(3), 1).await;
        drop_pins(&endpoint, &own).await.expect("dropped");
        for branch in [grand, BRANCH] {
            let left = pins(&endpoint, &DB, &branch, &Adopted::new()).await.expect("pins");
            assert_eq!(left.pins.len(), 1);
        }
    });
}
