//! A call of a procedure, which a request that is never answered ends.

use super::world::World;
use crate::error::EndpointError;
use crate::testing::run;
use futures::future::{Either, select};
use std::pin::pin;

/// A procedure: what it does to the store and to the catalog.
pub(super) type Procedure = fn(&mut World) -> Result<(), EndpointError>;

/// Asks the store. Who stops waiting goes on no further: what comes after the answer is never sent.
pub(super) fn ask<T>(
    world: &World,
    request: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    run(async {
        match select(pin!(request), pin!(world.store.stalled())).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(EndpointError::timeout()),
        }
    })
}

/// When requests that were not answered reach the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    BeforeTheNextCall,
    AfterSuccess,
}

/// Calls until it succeeds, and once more after all requests have landed. Gives the errors.
pub(super) fn call_until_done(world: &mut World, procedure: Procedure, landing: Landing) -> Vec<EndpointError> {
    let mut errors = Vec::new();
    for _ in ["until it succeeds", "once more"] {
        while let Err(error) = procedure(world) {
            errors.push(error);
            assert!(errors.len() < 5, "it never succeeds: {errors:?}");
            if landing == Landing::BeforeTheNextCall {
                run(world.store.land());
            }
        }
        run(world.store.land());
    }
    errors
}
