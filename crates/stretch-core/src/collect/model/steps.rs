//! All steps from a state to the next ones.

use super::event::{Event, Next};
use super::scope::{Rule, Scope};
use super::state::{Copy, Known, Left, Life, Mode, State, Stored, Who};
use super::{collector, copy};

/// All steps from a state.
pub fn steps(state: &State, scope: &Scope, next: &mut Next) {
    next.0.clear();
    next.push(Event::Tick, state.tick(scope));
    original(state, scope, next);
    copy_lives(state, scope, next);
    copy::steps(state, scope, next);
    collector::steps(state, Who::Original, scope, next);
    collector::steps(state, Who::Copy, scope, next);
}

fn original(state: &State, scope: &Scope, next: &mut Next) {
    if state.taken.is_none() {
        change(state, next);
        if scope.purges {
            next.push(Event::Purge, purged(*state));
        }
    }
    if scope.backups {
        backup(state, next);
    }
    let all = |scope: &Scope, change: fn(&mut Left, &Scope)| {
        let mut after = *state;
        for thing in &mut after.things {
            if let Life::Left(left) = &mut thing.original {
                change(left, scope);
            }
        }
        after
    };
    next.push(Event::Stamp(Who::Original), all(scope, stamp));
    next.push(Event::Settle(Who::Original), all(scope, settle));
}

fn purged(mut state: State) -> State {
    for thing in &mut state.things {
        if let Life::Left(left) = &mut thing.original {
            left.waived = true;
        }
    }
    state
}

fn stamp(left: &mut Left, _: &Scope) {
    left.stamp.get_or_insert(0);
}

/// While stamp or retention keep the object, it makes no difference.
fn settle(left: &mut Left, scope: &Scope) {
    let is_young = left.stamp != Some(scope.old()) && !left.waived;
    let is_kept = is_young && !scope.lacks(Rule::Stamp) && !scope.lacks(Rule::Retention);
    left.settled |= !is_kept;
}

fn change(state: &State, next: &mut Next) {
    for at in 0..state.things.len() {
        let mut after = *state;
        let thing = &mut after.things[at];
        match thing.original {
            Life::Unknown if thing.object == Stored::Never => {
                thing.original = Life::Live(0);
                thing.object = Stored::There;
                thing.since_backup = state.backup.is_some();
                next.push(Event::Upload, after);
            }
            Life::Live(_) => {
                thing.original = Life::Left(Left::NOW);
                thing.since_backup |= state.backup.is_some();
                next.push(Event::Retire(Who::Original), after);
            }
            Life::Unknown | Life::Left(_) => {}
        }
    }
}

/// The original pins backups; whoever owns the branch unpins them, or their time ends.
fn backup(state: &State, next: &mut Next) {
    let begins = state.backup.is_none();
    if begins && state.taken.is_some() {
        return;
    }
    let mut after = *state;
    for thing in &mut after.things {
        thing.listed = begins && matches!(thing.original, Life::Live(_));
        thing.since_backup = false;
    }
    after.backup = begins.then_some(0);
    let event = if begins { Event::PinBackup } else { Event::UnpinBackup };
    next.push(event, after);
}

fn copy_lives(state: &State, scope: &Scope, next: &mut Next) {
    let Copy::Connected(mode) = state.copy else {
        return;
    };
    for at in 0..state.things.len() {
        let mut after = *state;
        if after.things[at].copy == Known::Live {
            after.things[at].copy = Known::Left(Left::NOW);
            next.push(Event::Retire(Who::Copy), after);
        }
    }
    let all = |scope: &Scope, change: fn(&mut Left, &Scope)| {
        let mut after = *state;
        for thing in &mut after.things {
            if let Known::Left(left) = &mut thing.copy {
                change(left, scope);
            }
        }
        after
    };
    next.push(Event::Stamp(Who::Copy), all(scope, stamp));
    next.push(Event::Settle(Who::Copy), all(scope, settle));
    if mode == Mode::Branch && !scope.lacks(Rule::PinsShrink) {
        let mut after = *state;
        for thing in &mut after.things {
            thing.pinned &= matches!(thing.copy, Known::Live | Known::Left(_));
        }
        after.pin = state.pin.filter(|_| after.things.iter().any(|thing| thing.pinned));
        next.push(Event::ShrinkPin, after);
    }
}
