//! The property: whatever somebody needs exists.

use super::scope::Scope;
use super::state::{Copy, Known, Left, Life, State, Stored, Thing};

/// Who needs an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The original's catalog.
    Original,
    /// A moment of the original, or of the copy, inside the retention.
    RestorePoint,
    /// A crash, a standby or a snapshot that does not know of the retirement.
    Horizon,
    /// The copy's catalog.
    Copy,
    /// A pinned backup.
    Backup,
    /// A quarantine.
    Quarantine,
    /// Nobody any more: but the copy was promised it, and named it as lost.
    PromisedCopy,
}

/// Who needs the object of a thing, if anybody does.
pub fn needs(state: &State, thing: &Thing, scope: &Scope) -> Option<Needs> {
    // Of an original that was fenced only the moments until then count.
    let is_remembered = state.taken.is_none_or(|age| age < scope.retention);
    match thing.original {
        Life::Live(_) if state.taken.is_none() => return Some(Needs::Original),
        Life::Live(_) if is_remembered => return Some(Needs::RestorePoint),
        Life::Left(left) if state.taken.is_none() => {
            if let Some(needs) = of_left(left, scope) {
                return Some(needs);
            }
        }
        Life::Left(left) if is_remembered && left.age < scope.retention && !left.waived => {
            return Some(Needs::RestorePoint);
        }
        _ => {}
    }
    let is_connected = matches!(state.copy, Copy::Connected(_));
    match thing.copy {
        Known::Live if is_connected => return Some(Needs::Copy),
        Known::Left(left) => {
            if let Some(needs) = of_left(left, scope) {
                return Some(needs);
            }
        }
        _ => {}
    }
    if state.backup.is_some() && (thing.listed || thing.since_backup) {
        return Some(Needs::Backup);
    }
    thing.quarantined.then_some(Needs::Quarantine)
}

fn of_left(left: Left, scope: &Scope) -> Option<Needs> {
    if left.age < scope.retention && !left.waived {
        return Some(Needs::RestorePoint);
    }
    (!left.settled).then_some(Needs::Horizon)
}

/// What is wrong in a state.
pub fn broken(state: &State, scope: &Scope) -> Option<Needs> {
    let is_waived = |thing: &Thing| matches!(thing.original, Life::Left(left) if left.waived);
    let is_missed = |thing: &Thing| thing.copy == Known::Lost && !is_waived(thing);
    if state.promised && state.things.iter().any(is_missed) {
        return Some(Needs::PromisedCopy);
    }
    let gone = state.things.iter().filter(|thing| thing.object == Stored::Gone);
    gone.filter_map(|thing| needs(state, thing, scope)).next()
}

/// Whether an object is there that nobody needs, or will need.
pub fn has_garbage(state: &State, scope: &Scope) -> bool {
    // Until it is connected or has given up, a copy may need anything.
    let may_need = |thing: &Thing| match state.copy {
        Copy::None | Copy::Connected(_) => false,
        Copy::Restored(_) | Copy::Reauthorizing { .. } => {
            matches!(
                thing.copy,
                Known::Unchecked | Known::Marked | Known::Found | Known::Doubt | Known::Live
            )
        }
    };
    let is_garbage = |thing: &Thing| thing.is_there() && needs(state, thing, scope).is_none() && !may_need(thing);
    state.things.iter().any(is_garbage)
}
