//! What became of a cold row that a statement wants to lock or to change, and what the statement is told: the answers
//! that heap gives for a row of its own in the same state (HeapTupleSatisfiesUpdate of heapam_visibility.c).

#[cfg(test)]
mod tests;

/// Where the new version of a row is that was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home<T> {
    /// Nowhere: the row was deleted.
    None,
    /// In the heap, at this place.
    At(T),
    /// In another partition.
    Elsewhere,
    /// It was updated, and its new version cannot be found (any more).
    Lost,
}

/// Who killed a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killer {
    /// The command with this number of the transaction that asks.
    Own(u32),
    /// Another transaction, which has committed.
    Other,
}

/// The newest state of a row whose lock is held, so that nobody else is about to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<T> {
    Alive,
    Dead(Killer, Home<T>),
}

/// What a statement is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// The row is his.
    Ok,
    /// The statement itself, or code that it called, killed the row: in the command with this number.
    SelfModified(u32),
    /// An earlier command of the transaction killed it; a statement cannot have seen it.
    Invisible,
    /// It was updated by another transaction; its new version is at this place.
    Updated(T),
    /// It was updated, or moved by a change of its partition key, to another partition.
    Moved,
    /// It was deleted by another transaction.
    Deleted,
    /// It changed, and nobody can say into what: never to be taken for deleted, which would lose the change.
    Conflict,
}

/// The answer for a statement with this command number.
pub fn answer<T>(fate: Fate<T>, command: u32) -> Answer<T> {
    match fate {
        Fate::Alive => Answer::Ok,
        Fate::Dead(Killer::Own(killer), _) if killer >= command => Answer::SelfModified(killer),
        Fate::Dead(Killer::Own(_), _) => Answer::Invisible,
        Fate::Dead(Killer::Other, home) => match home {
            Home::None => Answer::Deleted,
            Home::At(place) => Answer::Updated(place),
            Home::Elsewhere => Answer::Moved,
            Home::Lost => Answer::Conflict,
        },
    }
}
