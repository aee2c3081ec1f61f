//! The steps of a collector.

use super::event::{Event, Next};
use super::facts::{Read, of, place, ticks};
use super::scope::{GRACE, Rule, Scope};
use super::state::{Copy, Known, Mode, Phase, State, Stored, Todo, Who};
use crate::collect::again::{Readings, look_again};
use crate::collect::facts::{Cover, Object};
use crate::collect::join::Streams;
use crate::collect::plan::{Plan, plan};
use crate::collect::times::{ServerTime, Steady};
use std::time::Duration;

/// All steps that the collector of `who` can make.
pub fn steps(state: &State, who: Who, scope: &Scope, next: &mut Next) {
    if !state.collects(who) {
        return;
    }
    let mut lags = vec![false];
    // A lag matters only where something is new.
    if state.pin == Some(0) || state.backup == Some(0) {
        lags.push(true);
    }
    match state.phases[who as usize] {
        Phase::Idle => {
            for lag in lags {
                look(state, who, lag, scope, next);
            }
        }
        Phase::Looked => match state.todo(who) {
            (at, Todo::Mark) => next.push(Event::Mark(who), mark(state, who, at, scope)),
            (at, _) => {
                for lag in lags {
                    next.push(Event::LookAgain(who, lag), again(state, who, at, lag, scope));
                }
            }
        },
        Phase::LookedAgain(age) => next.push(Event::Validate(who), validate(state, who, age, scope)),
        Phase::Validated(age) => {
            if is_fresh(age, scope) {
                next.push(Event::Delete(who), delete(*state, who));
            }
        }
    }
    if state.phases[who as usize] != Phase::Idle {
        next.push(Event::Restart(who), idle(*state, who));
    }
}

fn idle(mut state: State, who: Who) -> State {
    state.phases[who as usize] = Phase::Idle;
    for thing in &mut state.things {
        thing.todo[who as usize] = Todo::Nothing;
    }
    state
}

/// A look. What it says of several objects is independent, so the model goes on with one of them, and the collector
/// restarts before it comes to the others.
fn look(state: &State, who: Who, lags: bool, scope: &Scope, next: &mut Next) {
    let made = first_look(state, who, lags, scope);
    let mut after = *state;
    for of in &made.sightings {
        after.things[place(*of)].seen = Some(0);
    }
    for (_, of) in made.released.iter().filter(|_| !scope.lacks(Rule::PinsShrink)) {
        release(&mut after, place(*of));
    }
    if after != *state {
        next.push(Event::Look(who, lags), after);
    }
    let marks = made.marks.iter().map(|object| (object, Todo::Mark));
    let candidates = made.candidates.iter().map(|object| (object, Todo::LookAgain));
    for (object, todo) in marks.chain(candidates) {
        let mut after = after;
        after.phases[who as usize] = Phase::Looked;
        after.things[place(object.name.of)].todo[who as usize] = todo;
        next.push(Event::Look(who, lags), after);
    }
}

fn first_look(state: &State, who: Who, lags: bool, scope: &Scope) -> Plan {
    let read = Read::new(state, who, lags, scope);
    let facts = read.facts();
    let live = read.rows.iter().flatten();
    let live = live.filter(|row| row.life == crate::collect::facts::Life::Live).count() as u64;
    let cover = Cover::Whole {
        live,
        listing_began: ServerTime(Duration::ZERO),
    };
    let streams = Streams {
        objects: read.objects.iter().copied(),
        rows: read.rows.iter().copied(),
        pinned: read.pinned.iter().copied(),
        marks: read.marks.iter().copied(),
        sightings: read.sightings.iter().copied(),
    };
    plan(&facts, cover, streams, usize::MAX, |_, _| {}).expect("the facts are sound")
}

/// The copy's pin is written anew scope the segment, which leaves its catalog.
fn release(state: &mut State, place: usize) {
    state.things[place].copy = Known::Unknown;
    state.things[place].pinned = false;
    if state.things.iter().all(|thing| !thing.pinned) {
        state.pin = None;
    }
}

fn mark(state: &State, who: Who, at: usize, scope: &Scope) -> State {
    let mut after = *state;
    let thing = &mut after.things[at];
    if thing.is_there() {
        thing.mark.get_or_insert(0);
    }
    if !scope.lacks(Rule::PinsAgain) {
        return idle(after, who);
    }
    // Without the rule the collector stays with what its first look read.
    thing.todo[who as usize] = Todo::LookAgain;
    after
}

fn again(state: &State, who: Who, at: usize, lags: bool, scope: &Scope) -> State {
    let is_condemned = match scope.lacks(Rule::PinsAgain) {
        true => state.things[at].mark == Some(GRACE),
        false => second_look(state, who, at, lags, scope),
    };
    if !is_condemned {
        return idle(*state, who);
    }
    let mut after = *state;
    after.things[at].todo[who as usize] = Todo::Delete;
    after.phases[who as usize] = Phase::LookedAgain(0);
    after
}

/// Whether a second look condemns the object.
fn second_look(state: &State, who: Who, at: usize, lags: bool, scope: &Scope) -> bool {
    let read = Read::new(state, who, lags, scope);
    let candidates: Vec<Object> = read.objects.iter().flatten().copied().collect();
    let candidates: Vec<Object> = candidates
        .into_iter()
        .filter(|object| object.name.of == of(at))
        .collect();
    let condemned = look_again(
        &read.facts(),
        &candidates,
        read.rows.iter().copied(),
        read.pinned.iter().copied(),
        read.marks.iter().copied(),
        read.sightings.iter().copied(),
        |_, _| {},
    );
    condemned.expect("the facts are sound").objects().count() == 1
}

fn validate(state: &State, who: Who, age: u8, scope: &Scope) -> State {
    let mut after = *state;
    after.phases[who as usize] = Phase::Validated(age);
    // A copy on a branch of its own finds its claim there, whatever it looks at.
    let is_elsewhere = who == Who::Copy && state.copy == Copy::Connected(Mode::Branch);
    match state.owns(who) || is_elsewhere || scope.lacks(Rule::Claim) {
        true => after,
        false => idle(after, who),
    }
}

/// Whether a deletion is sent now: pins and rows were read so many ticks ago, and the claim was validated after them.
fn is_fresh(age: u8, scope: &Scope) -> bool {
    let start = Steady(Duration::ZERO);
    let readings = Readings {
        time: start,
        pins: start,
        rows: start,
        claim: start,
    };
    scope.lacks(Rule::Freshness) || readings.allow(Steady(ticks(age)), ticks(GRACE)).is_ok()
}

fn delete(state: State, who: Who) -> State {
    let (at, _) = state.todo(who);
    let mut after = idle(state, who);
    after.things[at].object = Stored::Gone;
    after
}
