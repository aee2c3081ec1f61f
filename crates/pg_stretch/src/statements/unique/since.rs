//! Rows that become cold after a look at the cold side, and before the heap's index is asked for the same key.
//!
//! Somebody who writes a new key looks at the cold side first, and then asks the index, as on any table. A row may be
//! hot when he looks and cold when he asks: neither would find it. The index still finds what the migration left, a
//! dead version that bears the mark of a moved row; so whoever is told of such a version looks here whether the move
//! was committed after his look.
//!
//! Why no such row can be missed: let S be the snapshot of the look, and X the last transaction that made a row with
//! this key cold.
//! * If S sees X committed, the look has seen the row's segment, or one that was made of it later, and has looked into
//!   it for the row as it is now.
//! * If not, the row's last hot version V was deleted by X. Its key is in the index, since V was a live row until X;
//!   its mark tells the move, and it has no successor. X is not older than the oldest transaction that S saw running.
//!   The snapshot of the command was taken before S and stays active until the command's index entries are made, so it
//!   holds back the horizon of the whole database to before X: V is at most "recently dead". Neither pruning nor VACUUM
//!   removes such a version, be it the end of a chain of heap-only versions (pruning goes past a recently dead version
//!   only for a dead one behind it, and V is the last) or not, and no index entry of it is marked dead or deleted. What
//!   pruning may do is to let the root's line pointer lead to the first version that is left, which the walk over the
//!   chain follows.
//! * While X runs, the index waits for its end and looks again, as for every delete.
//! * A subtransaction changes nothing of this: it neither takes the command's snapshot away nor lets it end.
//! * Rows of one call, and calls of one command, may share one look: the older S, the more versions are taken for moved
//!   after it, never fewer, and the command's snapshot is older than each of them.
//! * Commands may share one as long as no row of the table has become cold since (`catalog::changes`): what S sees of
//!   such transactions is then what a snapshot taken now would see.
//! * Nobody else makes cold rows: what compacts or folds segments writes rows that were cold before.

use crate::pg::error::{Error, Result};
use pgrx::pg_sys;
use std::cell::Cell;

/// Transactions that may begin after a look before it is made anew: half of those that can be told apart.
const OLDEST: u32 = 1 << 30;

/// What a look saw as committed, and which command looked.
pub struct Seen {
    command: Cell<Option<Command>>,
    snapshot: pg_sys::SnapshotData,
    /// The snapshot points at both.
    _running: (Vec<pg_sys::TransactionId>, Vec<pg_sys::TransactionId>),
}

impl Seen {
    /// A copy of the snapshot. The command's own snapshot, which is older, keeps the versions that it does not see as
    /// deleted.
    pub fn under(snapshot: pg_sys::Snapshot) -> Result<Self> {
        let command =
            Command::running().ok_or_else(|| Error::internal("a row is written without an active snapshot"))?;
        // SAFETY: a registered snapshot, whose arrays are as long as it says.
        unsafe {
            let mut snapshot = *snapshot;
            let copy = |ids: *const pg_sys::TransactionId, count: usize| match count {
                0 => Vec::new(),
                _ => std::slice::from_raw_parts(ids, count).to_vec(),
            };
            let mut running = copy(snapshot.xip, snapshot.xcnt as usize);
            let mut below = copy(snapshot.subxip, snapshot.subxcnt.max(0) as usize);
            snapshot.xip = running.as_mut_ptr();
            snapshot.subxip = below.as_mut_ptr();
            Ok(Self {
                command: Cell::new(Some(command)),
                snapshot,
                _running: (running, below),
            })
        }
    }

    /// Whether it is that of the command that is under way.
    pub fn is_of_this_command(&self) -> bool {
        self.command
            .get()
            .is_some_and(|command| Command::running() == Some(command))
    }

    /// Makes it a look of the command that is under way, before which nothing of the table has changed. False where the
    /// look is too old for that: transactions are compared by numbers that come again.
    pub fn renew(&self) -> bool {
        let Some(command) = Command::running() else {
            return false;
        };
        let is_young = command.xmax.into_inner().wrapping_sub(self.snapshot.xmax.into_inner()) < OLDEST;
        self.command.set(is_young.then_some(command));
        is_young
    }

    /// What the running command asks next is not to be answered by this look.
    pub fn forget(&self) {
        self.command.set(None);
    }

    /// Whether the end of a transaction, which has committed by now, came after the look.
    pub fn is_before(&self, transaction: pg_sys::TransactionId) -> bool {
        let mut snapshot = self.snapshot;
        // SAFETY: the arrays live as long as this.
        unsafe { pg_sys::XidInMVCCSnapshot(transaction, &mut snapshot) }
    }
}

/// Names a command: by its transaction, and by what its snapshot sees of that and of others. Where nothing of this
/// differs, the snapshot is the same one, or one that was taken before anything ended that the other saw running.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Command {
    transaction: pg_sys::LocalTransactionId,
    number: pg_sys::CommandId,
    xmin: pg_sys::TransactionId,
    xmax: pg_sys::TransactionId,
    running: u32,
}

impl Command {
    /// The one that is under way.
    fn running() -> Option<Self> {
        // SAFETY: plain getters of a process inside a transaction.
        unsafe {
            if !pg_sys::ActiveSnapshotSet() {
                return None;
            }
            let snapshot = &*pg_sys::GetActiveSnapshot();
            Some(Self {
                transaction: (*pg_sys::MyProc).lxid,
                number: snapshot.curcid,
                xmin: snapshot.xmin,
                xmax: snapshot.xmax,
                running: snapshot.xcnt,
            })
        }
    }
}
