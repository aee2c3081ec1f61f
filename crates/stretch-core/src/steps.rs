//! The durable steps of everything that moves or reconciles rows, by name: the places where a crash must lose nothing.
//! The code tells each step as it passes it, and tests kill the server at every one of them.

/// A place between two durable effects.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// Migration: what the batch will write in the catalog is locked, and the segment is being encoded.
    BatchClaimed,
    /// Migration: the rows are deleted; of the segment the catalog knows nothing.
    BatchDeleted,
    /// Migration: segment, staging and manifest are written, nothing is committed.
    BatchRecorded,
    /// Migration: the batch is committed.
    BatchCommitted,
    /// Upload: the staged bytes are read, the object is not written.
    UploadBegun,
    /// Upload: the object is written and read back; the catalog does not know it.
    UploadReadBack,
    /// Upload: the catalog names the object, uncommitted.
    UploadRecorded,
    /// Upload: committed.
    UploadCommitted,
    /// Purge: the store showed the objects, staging is untouched.
    PurgeListed,
    /// Purge: a segment's staging is gone, uncommitted.
    PurgeRecorded,
    /// Purge: committed for one segment.
    PurgeCommitted,
    /// Fold: the single tombstones are deleted, the bitmap is the old one.
    FoldDeleted,
    /// Fold: the bitmap is written, uncommitted.
    FoldRecorded,
    /// Fold: committed for one segment.
    FoldCommitted,
    /// Bring back: the living rows of a segment are in the heap, the segment is still live.
    HomeInserted,
    /// Bring back: the segment is retired, nothing is committed.
    HomeRecorded,
    /// Bring back: committed for one segment.
    HomeCommitted,
    /// Bring back: the table is an ordinary one, uncommitted.
    UnstretchRecorded,
    /// Bring back: the table is an ordinary one.
    UnstretchCommitted,
    /// Compaction: the new segment is made, nothing is written.
    CompactMade,
    /// Compaction: the new segment is written, the old ones are live.
    CompactWritten,
    /// Compaction: the old segments are retired, nothing is committed.
    CompactRecorded,
    /// Compaction: committed.
    CompactCommitted,
    /// Reauthorize: branch and nonce are chosen and kept in the marker.
    ReauthorizeChosen,
    /// Reauthorize: the objects are pinned for the branch.
    ReauthorizePinned,
    /// Reauthorize: the branch and its first claim are on the endpoint.
    ReauthorizeClaimed,
    /// Reauthorize: the findings are in the catalog, uncommitted.
    ReauthorizeRecorded,
    /// Reauthorize: committed; the marker does not say so yet.
    ReauthorizeCommitted,
    /// Refill: a segment is marked to be uploaded again, uncommitted.
    RefillRecorded,
    /// Refill: committed; the uploader has not begun.
    RefillCommitted,
    /// Collection: what a look found is in the catalog, uncommitted.
    CollectNoted,
    /// Collection: an object is marked.
    CollectMarked,
    /// Collection: an object and its mark are deleted; the catalog still has its segment.
    CollectDeleted,
    /// Collection: a segment of which nothing is left is out of the catalog, uncommitted.
    CollectForgotten,
    /// A session wrote the tombstones of a cold UPDATE or DELETE, uncommitted.
    TombstoneWritten,
}

impl Step {
    /// All of them, in the order of the enumeration.
    pub const ALL: [Self; 35] = [
        Self::BatchClaimed,
        Self::BatchDeleted,
        Self::BatchRecorded,
        Self::BatchCommitted,
        Self::UploadBegun,
        Self::UploadReadBack,
        Self::UploadRecorded,
        Self::UploadCommitted,
        Self::PurgeListed,
        Self::PurgeRecorded,
        Self::PurgeCommitted,
        Self::FoldDeleted,
        Self::FoldRecorded,
        Self::FoldCommitted,
        Self::HomeInserted,
        Self::HomeRecorded,
        Self::HomeCommitted,
        Self::UnstretchRecorded,
        Self::UnstretchCommitted,
        Self::CompactMade,
        Self::CompactWritten,
        Self::CompactRecorded,
        Self::CompactCommitted,
        Self::ReauthorizeChosen,
        Self::ReauthorizePinned,
        Self::ReauthorizeClaimed,
        Self::ReauthorizeRecorded,
        Self::ReauthorizeCommitted,
        Self::RefillRecorded,
        Self::RefillCommitted,
        Self::CollectNoted,
        Self::CollectMarked,
        Self::CollectDeleted,
        Self::CollectForgotten,
        Self::TombstoneWritten,
    ];

    /// Its name as tests write it: that of the variant.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::Step;

    #[test]
    fn every_step_is_listed_once_and_in_order() {
        for (place, step) in Step::ALL.iter().enumerate() {
            assert_eq!(*step as usize, place, "{step:?}");
        }
        // `TombstoneWritten` is the last variant; one behind it fails to compile in the tests that kill.
        assert_eq!(Step::ALL.len(), Step::TombstoneWritten as usize + 1);
    }
}
