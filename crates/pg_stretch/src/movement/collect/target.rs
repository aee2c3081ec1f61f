//! A branch to be collected, with what this server gives the requests of a round: its clock, and who is told of steps.

use crate::endpoint::identity::{Claim, open_bound};
use crate::pg::error::Result;
use crate::pg::{steady, steps};
use stretch_core::collect::facts::Standing;
use stretch_endpoint::collect::{Adopted, Surroundings, Target};

/// A branch of which the connected database holds the claim.
pub fn target(own: Claim, claim: Claim, standing: Standing, adopted: Adopted) -> Result<Target> {
    Ok(Target {
        endpoint: open_bound()?,
        own,
        claim,
        standing,
        adopted,
        surroundings: Surroundings {
            steady: steady::now,
            reached: steps::reached_on_io_thread,
        },
    })
}
