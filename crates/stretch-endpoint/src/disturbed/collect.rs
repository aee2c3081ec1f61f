//! Collection: rounds of looks, marks and deletions, a day and more apart.

use super::call::ask;
use super::catalog::{Catalog, DB, OWN, PARENT, Segment, claim, claim_body, key, of, segment_id, table};
use super::reauthorize::reauthorize;
use super::upload::upload;
use super::world::World;
use crate::bodies::{BackupRange, FORMAT, PinBody};
use crate::collect::{Adopted, Deletions, Surroundings, Target, Work};
use crate::error::EndpointError;
use crate::keys::{Label, branch_of};
use crate::pin::{Pinner, write_next_pin};
use crate::testing::{id, run};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;
use stretch_core::collect::again::look_again;
use stretch_core::collect::facts::*;
use stretch_core::collect::join::Streams;
use stretch_core::collect::litter;
use stretch_core::collect::plan::{Plan, plan};
use stretch_core::collect::times::{ServerTime, Stamp, Steady, StoreTime};
use stretch_core::collect::{GRACE, decision::Decision};
use stretch_core::ids::{BranchId, SegmentId};
use stretch_core::steps::Step;
use uuid::Uuid;

/// Between two rounds.
const BETWEEN: Duration = Duration::from_secs(30 * 3600);
const RETENTION: Duration = Duration::from_secs(3600);
/// A branch that was given up, and pins what it needs no more.
const DEAD: Uuid = Uuid::from_u128(5);
const LIMIT: usize = 100;

fn stands_still() -> Steady {
    Steady(Duration::ZERO)
}

fn nobody_is_told(_: Step) {}

/// As many rounds as a retired segment takes to leave store and catalog.
pub(super) fn collect(world: &mut World) -> Result<(), EndpointError> {
    (0..4).try_for_each(|_| round(world))
}

/// The clock of a store in memory is the machine's. Here as much time has passed as the database was connected.
fn now(world: &World, time: StoreTime) -> Stamp {
    Stamp {
        store: StoreTime(time.0 + world.catalog.connected),
        connected: world.catalog.connected,
    }
}

fn the_beginning() -> Stamp {
    Stamp {
        store: StoreTime(Duration::ZERO),
        connected: Duration::ZERO,
    }
}

fn row((id, row): (&SegmentId, &Segment)) -> Row {
    let retirement = Retirement {
        at: the_beginning(),
        lsn: 1,
        horizon: Horizon::Passed,
        promise: Promise::Retention,
    };
    Row {
        of: of(*id),
        life: match row.is_retired {
            true => Life::Retired(retirement),
            false => Life::Live,
        },
        place: match row.key.as_deref().and_then(branch_of) {
            _ if row.is_lost => Place::Lost,
            Some(OWN) => Place::Here {
                uploaded: ServerTime(Duration::ZERO),
            },
            Some(other) => Place::Elsewhere(BranchId::from_uuid(other)),
            None => Place::Nowhere,
        },
    }
}

fn rows(catalog: &Catalog) -> Vec<Row> {
    catalog.segments.iter().map(row).collect()
}

fn sightings(catalog: &Catalog) -> Vec<Sighting> {
    let sighting = |(of, at): (&SegmentOf, &Stamp)| Sighting { of: *of, at: *at };
    catalog.sightings.iter().map(sighting).collect()
}

fn all<T: Copy>(list: &[T]) -> impl Iterator<Item = Result<T, Infallible>> + use<'_, T> {
    list.iter().copied().map(Ok)
}

/// One round, long after the one before.
pub(super) fn round(world: &mut World) -> Result<(), EndpointError> {
    world.catalog.connected += BETWEEN;
    let own = world.catalog.claim.expect("a connected database");
    let given_up = Standing::Adopted {
        since: the_beginning(),
        retention: RETENTION,
    };
    let target = Target {
        endpoint: world.endpoint.clone(),
        own,
        claim: own,
        standing: Standing::Owned,
        adopted: Adopted::from([(DEAD, given_up)]),
        surroundings: Surroundings {
            steady: stands_still,
            reached: nobody_is_told,
        },
    };
    let tables = BTreeSet::from([table()]);
    let scratch = [world.scratch(), world.scratch()];
    let look = ask(world, target.clone().look(scratch))?.expect("the claim is the highest");
    let survey = look.survey;
    let facts = Facts {
        branch: Standing::Owned,
        generation: own.generation,
        now: now(world, look.now),
        retention: RETENTION,
        grace: GRACE,
        tables: &tables,
        pins: &survey.pins.pins,
        scope: Scope::Branch,
    };
    let cover = Cover::Whole {
        live: world.catalog.live().count() as u64,
        listing_began: ServerTime(Duration::MAX),
    };
    let (known, seen) = (rows(&world.catalog), sightings(&world.catalog));
    let streams = Streams {
        objects: all(&survey.objects),
        rows: all(&known),
        pinned: all(&survey.pins.pinned),
        marks: all(&survey.marks),
        sightings: all(&seen),
    };
    let plan = plan(&facts, cover, streams, LIMIT, |_, _| {}).expect("a plan");
    let small = survey.litter.iter().filter(|object| {
        let decision = litter::judge(&facts, survey.beats, object.small, object.modified);
        matches!(decision, Decision::Due(_))
    });
    let litter = small.map(|object| object.key.clone()).collect();
    note(&mut world.catalog, &plan, facts.now);
    let mut released: BTreeMap<Uuid, BTreeSet<SegmentOf>> = BTreeMap::new();
    for (parent, of) in &plan.released {
        released.entry(parent.uuid()).or_default().insert(*of);
    }
    let work = Work {
        marks: plan.marks,
        stray_marks: plan.stray_marks,
        litter,
        released,
        drops_pins: false,
    };
    ask(world, target.clone().work(work))?;
    for (_, of) in &plan.released {
        world.catalog.segments.remove(&of.segment);
    }
    let scratch = world.scratch();
    let again = ask(world, target.clone().look_again(scratch))?.expect("an answer");
    let facts = Facts {
        now: now(world, again.now),
        pins: &again.pins.pins,
        ..facts
    };
    let candidates: BTreeSet<SegmentOf> = plan.candidates.iter().map(|object| object.name.of).collect();
    let rows = rows(&world.catalog);
    let condemned = look_again(
        &facts,
        &plan.candidates,
        rows.iter()
            .filter(|row| candidates.contains(&row.of))
            .copied()
            .map(Ok::<_, Infallible>),
        all(&again.pins.pinned),
        all(&survey.marks),
        all(&sightings(&world.catalog)),
        |_, _| {},
    );
    let deletions = Deletions {
        condemned: condemned.expect("a plan"),
        marks: survey.marks,
        time: again.time,
        pins_read: again.pins_read,
        rows_read: stands_still(),
        grace: GRACE,
    };
    ask(world, target.delete(deletions)).map(drop)
}

/// What a look changes in the catalog.
fn note(catalog: &mut Catalog, plan: &Plan, at: Stamp) {
    for of in &plan.sightings {
        catalog.sightings.entry(*of).or_insert(at);
    }
    for of in &plan.seen_in_vain {
        catalog.sightings.remove(of);
    }
    for of in &plan.forgotten {
        catalog.segments.remove(&of.segment);
    }
}

/// A connected database with garbage of every kind.
pub(super) fn littered() -> World {
    let mut world = World::restored();
    reauthorize(&mut world).expect("a branch");
    upload(&mut world).expect("uploads");
    // Of the parent's branch, a copy, and an own one; 23, 24, 25 and 26 stay.
    for segment in [21, 22, 27] {
        world.catalog.retire(segment);
    }
    let pin = |keys: &[String], backup| PinBody {
        format: FORMAT,
        branch_id: DEAD,
        keys: keys.to_vec(),
        backup,
    };
    run(async {
        // Orphans, one with two objects.
        world.object(OWN, 40, 0).await;
        world.object(OWN, 40, 1).await;
        world.object(OWN, 41, 0).await;
        // A mark without its object.
        world.mark(OWN, 42).await;
        // The claim before, and its heartbeats.
        let claimed = crate::claim::claim(&world.endpoint, &DB, &OWN, &claim_body(2)).await;
        claimed.expect("a claim");
        for (generation, sequence) in [(1, 1), (1, 2), (2, 1)] {
            world.beat(OWN, generation, sequence).await;
        }
        world.put("probe/crashed/body", "left".into()).await;
        let needed = [key(OWN, 22, 0), key(OWN, 40, 0)];
        let who = Pinner::Child(DEAD);
        let written = write_next_pin(&world.endpoint, &DB, &OWN, &who, &pin(&needed, None)).await;
        written.expect("a pin");
        let over = BackupRange {
            from_lsn: 0,
            generation: 1,
            expires_at: Some(1),
        };
        let who = Pinner::Backup(Label::new("weekly").expect("a label"));
        let written = write_next_pin(&world.endpoint, &DB, &OWN, &who, &pin(&needed, Some(over))).await;
        written.expect("a pin");
        // One that lasts: it lists a segment that has retired in the parent's branch.
        let who = Pinner::Child(id(6));
        let written = write_next_pin(&world.endpoint, &DB, &PARENT, &who, &pin(&[key(PARENT, 21, 0)], None)).await;
        written.expect("a pin");
    });
    world.catalog.claim = Some(claim(OWN, 2));
    world.again()
}

/// What is left of garbage when nothing goes wrong.
#[test]
fn garbage_goes_and_the_rest_stays() {
    let mut world = littered();
    collect(&mut world).expect("four rounds");
    collect(&mut world).expect("four more");
    let left: Vec<SegmentId> = world.catalog.segments.keys().copied().collect();
    assert_eq!(left, [23, 24, 25, 26].map(segment_id));
    assert!(world.catalog.sightings.is_empty());
    let keys = run(world.endpoint.list("")).expect("a listing");
    let below = |folder: &str| {
        let prefix = format!("{DB}/{OWN}/{folder}/");
        keys.iter().filter(|object| object.key.starts_with(&prefix)).count()
    };
    // The one segment, no mark, no pin, the newest heartbeat; both claims.
    assert_eq!(
        ["segment", "trash", "pin", "lease", "claim"].map(below),
        [1, 0, 0, 1, 2]
    );
    assert!(!keys.iter().any(|object| object.key.starts_with("probe/")));
}
