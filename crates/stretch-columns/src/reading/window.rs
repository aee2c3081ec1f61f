//! The prefetch window: what was asked for ahead of need, in the order in which it is read.
//!
//! A scan reads numbered row groups one after the other. Nothing is asked for ahead before the first one was used, so
//! that a LIMIT costs little; then as many as fit into a number of bytes are on their way.

use super::Cost;
use std::collections::VecDeque;

/// A request on its way; `T` is what the answer is waited for with.
struct Pending<T> {
    number: usize,
    bytes: u64,
    ticket: T,
}

/// The requests of one scan that are on their way, by the numbers of the row groups they bring.
pub struct Window<T> {
    pending: VecDeque<Pending<T>>,
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        Self {
            pending: VecDeque::new(),
        }
    }
}

impl<T> Window<T> {
    /// Forgets what is on its way: the scan starts anew.
    pub fn clear(&mut self) {
        self.pending.clear();
    }

    /// Goes on to row group `number`; false when it must be asked for first. Requests that were passed over are
    /// forgotten, and all of them when the scan jumped to one that none of them brings.
    pub fn advance(&mut self, number: usize) -> bool {
        self.pending.retain(|pending| pending.number >= number);
        let is_there = self.pending.front().is_some_and(|pending| pending.number == number);
        if !is_there {
            self.pending.clear();
        }
        is_there
    }

    /// The row group to ask for next, when `number` is the one that is read.
    pub fn next(&self, number: usize) -> usize {
        self.pending.back().map_or(number, |pending| pending.number) + 1
    }

    /// May a row group that costs so much be asked for ahead of need? What is on its way stays within `limit` bytes. A
    /// row group without ranges needs no request and ends the look ahead.
    pub fn admits(&self, cost: Cost, limit: u64) -> bool {
        cost.requests > 0 && self.bytes().saturating_add(cost.bytes) <= limit
    }

    /// Notes that row group `number`, which is higher than all that are on their way, was asked for.
    pub fn started(&mut self, number: usize, cost: Cost, ticket: T) {
        self.pending.push_back(Pending {
            number,
            bytes: cost.bytes,
            ticket,
        });
    }

    /// The request that [`Window::advance`] found or that was started after it.
    pub fn take(&mut self) -> Option<T> {
        self.pending.pop_front().map(|pending| pending.ticket)
    }

    /// The same, without taking it.
    pub fn front(&self) -> Option<&T> {
        self.pending.front().map(|pending| &pending.ticket)
    }

    /// Bytes on their way.
    pub fn bytes(&self) -> u64 {
        self.pending.iter().map(|pending| pending.bytes).sum()
    }
}
