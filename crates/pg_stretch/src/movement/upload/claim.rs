//! The claim under which objects are written.

use crate::pg::shmem;
use stretch_core::state::DatabaseState;

/// The claim under which objects are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub branch: uuid::Uuid,
    pub generation: u64,
}

/// The claim of this database while it is connected.
pub fn claim() -> Option<Claim> {
    let slot = shmem::my_slot()?;
    (slot.state == DatabaseState::Connected).then(|| Claim {
        branch: uuid::Uuid::from_bytes(slot.branch),
        generation: slot.generation as u64,
    })
}
