//! Groups that are being computed, batch by batch.

use super::groups::{Groups, Key};
use super::key::GroupKey;
use super::output::Partials;
use super::plan::Plan;
use super::states::State;
use super::values::{Values, values_of};
use crate::source::{SourceOf, Unfit};

/// Groups after which they are given to the server, which can spill them where it must.
const MANY_GROUPS: usize = 100_000;
/// Bytes of their keys after which they are.
const MANY_BYTES: usize = 64 << 20;

/// Groups that are being computed.
pub struct Partial {
    pub(super) plan: Plan,
    pub(super) groups: Groups,
    pub(super) states: Vec<State>,
}

impl Partial {
    /// No group yet.
    pub fn new(plan: Plan) -> Self {
        Self {
            groups: Groups::new(plan.keys.len()),
            states: states_of(&plan),
            plan,
        }
    }

    /// What is computed.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether the groups should be taken before the next batch.
    pub fn is_full(&self) -> bool {
        self.groups.len() >= MANY_GROUPS || self.groups.bytes() >= MANY_BYTES
    }

    /// Takes a batch of `rows` rows. What is returned are groups that had to be finished first, because this batch's
    /// values are of another kind. After [`Unfit`] nothing has changed but that.
    pub fn add(&mut self, rows: usize, source_of: &SourceOf<'_>) -> Result<Option<Partials>, Unfit> {
        if rows == 0 {
            return Ok(None);
        }
        let keys = self.keys(rows, source_of)?;
        let values = self.plan.aggregates.iter();
        let values: Vec<Values<'_>> = values
            .map(|one| values_of(one, rows, source_of))
            .collect::<Result<_, _>>()?;
        let mut finished = None;
        if !self.fits(rows, &keys, &values) {
            if !Self::new(self.plan.clone()).fits(rows, &keys, &values) {
                return Err(Unfit);
            }
            finished = self.take();
        }
        let numbers = self.groups.number(rows, &keys);
        for (state, values) in self.states.iter_mut().zip(&values) {
            state.add(&numbers, values);
        }
        Ok(finished)
    }

    /// The groups so far, which begin anew; `None` when there are none.
    pub fn take(&mut self) -> Option<Partials> {
        if self.groups.len() == 0 {
            return None;
        }
        let groups = std::mem::replace(&mut self.groups, Groups::new(self.plan.keys.len()));
        let states = std::mem::replace(&mut self.states, states_of(&self.plan));
        Some(Partials::new(groups, states))
    }

    fn keys(&self, rows: usize, source_of: &SourceOf<'_>) -> Result<Vec<Key>, Unfit> {
        let key = |key: &GroupKey| key.values(rows, source_of);
        let keys: Vec<Key> = self.plan.keys.iter().map(key).collect::<Result<_, _>>()?;
        keys.iter().all(Key::is_known).then_some(keys).ok_or(Unfit)
    }

    fn fits(&self, rows: usize, keys: &[Key], values: &[Values<'_>]) -> bool {
        self.groups.fits(keys)
            && self
                .states
                .iter()
                .zip(values)
                .all(|(state, values)| state.fits(rows, values))
    }
}

fn states_of(plan: &Plan) -> Vec<State> {
    plan.aggregates.iter().map(|one| State::new(one.function)).collect()
}
