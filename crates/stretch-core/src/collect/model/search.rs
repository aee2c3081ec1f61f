//! Breadth-first search over all states.

use super::event::{Event, Next};
use super::needs::{Needs, broken, has_garbage};
use super::scope::Scope;
use super::state::State;
use super::steps::steps;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What the search found.
pub enum Found {
    /// No state is broken: these are all.
    Sound(Graph),
    /// The shortest way to a broken state.
    Broken {
        needs: Needs,
        way: Vec<Event>,
        state: State,
    },
}

/// All states, and the steps that go by themselves.
pub struct Graph {
    pub states: Vec<State>,
    edges: Vec<(u32, u32)>,
}

/// Explores everything that can happen without a rule, until something is broken.
pub fn explore(scope: &Scope) -> Found {
    let initial = State::initial(scope);
    let mut numbers: HashMap<State, u32, BuildHasherDefault<Mixer>> = HashMap::default();
    numbers.insert(initial, 0);
    let mut states = vec![initial];
    let mut came_by: Vec<(u32, Event)> = vec![(0, Event::Tick)];
    let mut edges = Vec::new();
    let mut next = Next::default();
    let mut at = 0;
    while at < states.len() {
        steps(&states[at], scope, &mut next);
        for (event, state) in next.0.drain(..) {
            let number = *numbers.entry(state).or_insert_with(|| {
                states.push(state);
                came_by.push((at as u32, event));
                states.len() as u32 - 1
            });
            if number as usize == states.len() - 1
                && let Some(needs) = broken(&state, scope)
            {
                let way = way(&came_by, number);
                return Found::Broken { needs, way, state };
            }
            if event.goes_by_itself() && number as usize != at {
                edges.push((number, at as u32));
            }
        }
        at += 1;
    }
    Found::Sound(Graph { states, edges })
}

fn way(came_by: &[(u32, Event)], mut to: u32) -> Vec<Event> {
    let mut way = Vec::new();
    while to != 0 {
        let (from, event) = came_by[to as usize];
        way.push(event);
        to = from;
    }
    way.reverse();
    way
}

/// A hash for states, which are small and not chosen by an enemy.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl Graph {
    /// A state from which no way by steps that go by themselves leads to one without garbage.
    pub fn stuck(&self, scope: &Scope) -> Option<State> {
        let mut edges = self.edges.clone();
        edges.sort_unstable();
        let mut is_fine: Vec<bool> = self.states.iter().map(|state| !has_garbage(state, scope)).collect();
        let mut open: Vec<u32> = (0..self.states.len() as u32)
            .filter(|at| is_fine[*at as usize])
            .collect();
        while let Some(to) = open.pop() {
            let first = edges.partition_point(|edge| edge.0 < to);
            for (_, from) in edges[first..].iter().take_while(|edge| edge.0 == to) {
                if !std::mem::replace(&mut is_fine[*from as usize], true) {
                    open.push(*from);
                }
            }
        }
        is_fine.iter().position(|fine| !fine).map(|at| self.states[at])
    }
}
