//! Reauthorize without a copy: a restored database goes on in the branch of its original, which is fenced.

use super::call::ask;
use super::catalog::{DB, OWN, PARENT, claim, claim_body, key, segment_id};
use super::compare::assert_needed_is_there;
use super::reauthorize::{reauthorize, record, secure_under};
use super::upload::upload;
use super::world::World;
use crate::bodies::{FORMAT, QuarantineBody};
use crate::branch::{self, Before};
use crate::claim::{Claim, ClaimOutcome};
use crate::collect::release;
use crate::error::EndpointError;
use crate::keys::Key;
use crate::quarantine::{quarantine, quarantines};
use crate::testing::run;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Nonce of the restored database.
const RESTORED: Uuid = Uuid::from_u128(51);

/// All its steps; the nonce is known before, as the marker keeps it.
pub(super) fn take_over(world: &mut World) -> Result<(), EndpointError> {
    let scratch = world.scratch().to_string();
    let endpoint = world.endpoint.clone();
    ask(world, branch::check(endpoint.clone(), DB, scratch))?;
    let mut body = claim_body(0);
    body.nonce = RESTORED;
    let body = match ask(world, branch::claim_next(endpoint.clone(), DB, OWN, body))? {
        Some((body, ClaimOutcome::Won | ClaimOutcome::AlreadyOurs)) => body,
        other => panic!("{other:?}"),
    };
    let listing = ask(world, branch::list(endpoint.clone(), DB, world.catalog.branches()))?;
    let (plan, listing) = secure_under(world, listing, body.generation, Before::MayGo)?;
    let retired = world.catalog.segments.iter().filter(|(_, row)| row.is_retired);
    let retired = retired.map(|(id, _)| *id).collect();
    let list = QuarantineBody {
        format: FORMAT,
        generation: body.generation,
        lsn: body.lsn,
        created_by: "a test".into(),
        keys: listing.ahead(&plan, &OWN, &retired),
    };
    ask(world, async { quarantine(&endpoint, &DB, &OWN, list).await })?;
    // One transaction.
    record(world, &plan);
    world.catalog.claim = Some(Claim {
        nonce: RESTORED,
        ..claim(OWN, body.generation)
    });
    Ok(())
}

/// A database restored to a moment after which its original went on: it retired, marked and made objects.
pub(super) fn outlived() -> World {
    let mut world = World::restored();
    reauthorize(&mut world).expect("a branch");
    upload(&mut world).expect("uploads");
    world.catalog.retire(27);
    run(async {
        // Marked on the branch itself, and in the parent's.
        world.mark(OWN, 23).await;
        world.mark(PARENT, 21).await;
        // Made since; one of them is given up already.
        world.object(OWN, 61, 0).await;
        world.object(OWN, 62, 0).await;
        world.mark(OWN, 62).await;
    });
    world.catalog.claim = None;
    world.again()
}

/// The original's collector was about to release a pin when it was fenced.
#[test]
fn a_release_on_its_way_takes_nothing() {
    let mut world = outlived();
    take_over(&mut world).expect("a branch");
    let lists = run(quarantines(&world.endpoint, &DB, &OWN)).expect("a list");
    let keys: Vec<&String> = lists.iter().flat_map(|(_, list)| &list.keys).collect();
    assert_eq!(
        keys,
        [&key(OWN, 61, 0)],
        "neither what is marked nor what the catalog knows"
    );
    // Before it read its pins, and after: then it knows the one that it wrote when it was made.
    let of = super::catalog::of(segment_id(24));
    run(async {
        let released = release(&world.endpoint, &PARENT, &claim(OWN, 1), &BTreeSet::from([of])).await;
        released.expect("nothing to do");
        let old = Key::BranchPin {
            branch: PARENT,
            child: OWN,
            n: 0,
        };
        world.delete(&old.path(&DB)).await;
    });
    assert_needed_is_there(&world, "after the release");
}
