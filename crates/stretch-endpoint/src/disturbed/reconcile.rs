//! Reconcile: a connected database looks again, and what is missing is uploaded from staging.

use super::call::ask;
use super::catalog::{DB, OWN, PARENT};
use super::reauthorize::{reauthorize, record, secure};
use super::upload::upload;
use super::world::World;
use crate::branch;
use crate::error::EndpointError;
use crate::testing::run;

/// A look, and the uploads that follow from it.
pub(super) fn reconcile(world: &mut World) -> Result<(), EndpointError> {
    let list = branch::list(world.endpoint.clone(), DB, world.catalog.branches());
    let listing = ask(world, list)?;
    let plan = secure(world, listing)?;
    record(world, &plan);
    upload(world)
}

/// A database that is connected, and whose objects have changed behind its back.
pub(super) fn changed() -> World {
    let mut world = World::restored();
    reauthorize(&mut world).expect("a branch");
    upload(&mut world).expect("uploads");
    run(async {
        // Gone, with its bytes still staged.
        world.delete(&super::catalog::key(OWN, 23, 0)).await;
        // Marked by somebody who did not see the pin.
        world.mark(PARENT, 21).await;
        // Serves under another name, which nobody has pinned.
        world.object(PARENT, 24, 2).await;
        world.delete(&super::catalog::key(PARENT, 24, 1)).await;
        // What was lost is back.
        world.object(PARENT, 26, 0).await;
    });
    world.again()
}
