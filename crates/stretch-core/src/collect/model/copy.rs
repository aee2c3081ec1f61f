//! The steps of the copy: restored, reauthorized, connected.

use super::event::{Event, Next};
use super::facts::ticks;
use super::scope::{GRACE, Rule, Scope};
use super::state::{Copy, Known, Left, Life, Listing, Mode, State};
use crate::collect::again::is_out_of_doubt;

/// All steps that the copy can make, but for those of its collector.
pub fn steps(state: &State, scope: &Scope, next: &mut Next) {
    match state.copy {
        Copy::None => {
            for age in 0..=scope.old() {
                let mut after = restored(state, age);
                after.copy = Copy::Restored(age);
                next.push(Event::Restore(age), after);
                if scope.takeover && (age < scope.retention || scope.lacks(Rule::Delay)) {
                    next.push(Event::Promote(age), promoted(state, age));
                }
            }
        }
        Copy::Restored(age) => {
            if scope.branch {
                next.push(Event::Pin, begun(state, Mode::Branch, age, scope));
            }
            if scope.takeover {
                next.push(Event::Claim, begun(state, Mode::TookOver, age, scope));
            }
        }
        Copy::Reauthorizing {
            mode,
            listing: listing @ (Listing::Nothing | Listing::Half),
            ..
        } => {
            // The marks come first, so that an object that goes meanwhile with its mark is not counted on.
            let marks = (listing == Listing::Nothing) != scope.lacks(Rule::MarksBeforeObjects);
            let lags = marks && state.things.iter().any(|thing| thing.mark == Some(0));
            for lags in [false, true].into_iter().take(1 + usize::from(lags)) {
                let listed = if marks { marks_listed } else { objects_listed };
                next.push(Event::List { marks, lags }, listed(state, mode, lags, scope));
            }
        }
        Copy::Reauthorizing {
            mode,
            since,
            listing: Listing::Whole,
        } => {
            let is_open = |known: Known| known == Known::Doubt;
            if !state.things.iter().any(|thing| is_open(thing.copy)) {
                let mut after = *state;
                after.copy = Copy::Connected(mode);
                next.push(Event::Bind, after);
            }
            for at in 0..state.things.len() {
                if is_open(state.things[at].copy) {
                    resolve(state, at, since, scope, next);
                }
            }
        }
        Copy::Connected(_) => {}
    }
}

/// The copy's catalog is the original's of a moment of this age.
fn restored(state: &State, age: u8) -> State {
    let mut after = *state;
    for thing in &mut after.things {
        thing.copy = match thing.original {
            Life::Live(made) if made >= age => Known::Unchecked,
            // When it was made is forgotten then: it was there just before it left.
            Life::Left(left) if left.age <= age => Known::Unchecked,
            Life::Left(left) if thing.is_there() => Known::Left(Left {
                stamp: left.stamp.filter(|stamped| *stamped >= age),
                settled: true,
                ..left
            }),
            Life::Unknown | Life::Live(_) | Life::Left(_) => Known::Unknown,
        };
    }
    after
}

/// A standby that lags so much claims the branch and goes on; nothing is listed.
fn promoted(state: &State, age: u8) -> State {
    let mut after = restored(state, age);
    for thing in &mut after.things {
        thing.copy = match (thing.copy, thing.original) {
            // A purge waits for every standby that is known, so this one has the retirement.
            (Known::Unchecked, Life::Left(left)) if left.waived && left.settled => match thing.is_there() {
                true => Known::Left(left),
                false => Known::Unknown,
            },
            (Known::Unchecked, _) => Known::Live,
            (other, _) => other,
        };
    }
    after.copy = Copy::Connected(Mode::TookOver);
    after.taken = Some(0);
    after.promised = true;
    after
}

/// Everything that the catalog knows is pinned; or the next generation is claimed.
fn begun(state: &State, mode: Mode, age: u8, scope: &Scope) -> State {
    let mut after = *state;
    after.copy = Copy::Reauthorizing {
        mode,
        since: 0,
        listing: Listing::Nothing,
    };
    after.promised = age < scope.retention;
    match mode {
        Mode::TookOver => after.taken = Some(0),
        Mode::Branch => {
            for thing in &mut after.things {
                thing.pinned = thing.copy == Known::Unchecked;
                // Moments before the restored one are the original's to keep.
                if let Known::Left(_) = thing.copy {
                    thing.copy = Known::Unknown;
                }
            }
            after.pin = after.things.iter().any(|thing| thing.pinned).then_some(0);
        }
    }
    after
}

/// The copy lists the marks. A listing that lags misses those of this tick.
fn marks_listed(state: &State, _: Mode, lags: bool, scope: &Scope) -> State {
    let mut after = *state;
    for thing in &mut after.things {
        let is_marked = thing.mark.is_some_and(|age| age > 0 || !lags) && !scope.lacks(Rule::MarksAfterPin);
        thing.copy = match thing.copy {
            Known::Unchecked if is_marked => Known::Marked,
            // The objects were listed before.
            Known::Found if is_marked => Known::Doubt,
            Known::Found => Known::Live,
            // What is marked may be on its way out: it is judged as an orphan.
            Known::Unknown if is_marked => Known::Passed,
            other => other,
        };
    }
    half_done(after)
}

/// The copy lists the objects.
fn objects_listed(state: &State, mode: Mode, _: bool, scope: &Scope) -> State {
    let mut after = *state;
    for thing in &mut after.things {
        let is_there = thing.is_there();
        thing.copy = match thing.copy {
            Known::Unchecked | Known::Marked if !is_there => Known::Lost,
            Known::Unchecked if scope.lacks(Rule::MarksBeforeObjects) => Known::Found,
            Known::Unchecked => Known::Live,
            Known::Marked => Known::Doubt,
            other => other,
        };
        thing.quarantined |= mode == Mode::TookOver && thing.copy == Known::Unknown && is_there;
    }
    half_done(after)
}

fn half_done(mut state: State) -> State {
    if let Copy::Reauthorizing { listing, .. } = &mut state.copy {
        *listing = match listing {
            Listing::Nothing => Listing::Half,
            Listing::Half | Listing::Whole => Listing::Whole,
        };
        if *listing == Listing::Whole {
            for thing in &mut state.things {
                if thing.copy == Known::Passed {
                    thing.copy = Known::Unknown;
                }
            }
        }
    }
    state
}

/// An object in doubt is copied at once, or counted on when it is still there after a while.
fn resolve(state: &State, at: usize, since: u8, scope: &Scope, next: &mut Next) {
    let is_there = state.things[at].is_there();
    let with = |known: Known| {
        let mut after = *state;
        after.things[at].copy = if is_there { known } else { Known::Lost };
        after
    };
    next.push(Event::CopyObject, with(Known::Apart));
    if is_out_of_doubt(ticks(since), ticks(GRACE)) || scope.lacks(Rule::Doubt) {
        next.push(Event::FoundAgain, with(Known::Live));
    }
}
