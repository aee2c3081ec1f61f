//! Turns of database workers: who waits in which order, and who makes room, when there are more databases than workers.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

/// A database that wants a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted<D> {
    /// The database.
    pub database: D,
    /// A caller waits for its worker.
    pub called: bool,
}

/// A worker at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Working {
    /// When it began, on any clock that [`make_room`] is asked with.
    pub began: i64,
    /// It has been asked to make room already.
    pub asked: bool,
}

/// Lines the databases up that want a worker. One that waits keeps its place; one with a waiting caller goes before
/// those without, behind the callers that were there before it.
pub fn line_up<D: Copy + PartialEq>(queue: &mut VecDeque<D>, wanted: &[Wanted<D>]) {
    let place = |queue: &VecDeque<D>, database: D| queue.iter().position(|other| *other == database);
    for new in wanted {
        if place(queue, new.database).is_none() {
            queue.push_back(new.database);
        }
    }
    let is_called = |database: &D| wanted.iter().any(|one| one.database == *database && one.called);
    let (called, others): (Vec<D>, Vec<D>) = queue.iter().partition(|database| is_called(database));
    queue.clear();
    queue.extend(called.into_iter().chain(others));
}

/// Which workers are to make room for `waiting` databases: those that have worked longest, once their turn is over.
/// Places in `workers`; who was asked before counts and is not asked again.
pub fn make_room(workers: &[Working], now: i64, turn: i64, waiting: usize) -> Vec<usize> {
    let mut over: Vec<usize> = (0..workers.len())
        .filter(|at| now - workers[*at].began >= turn)
        .collect();
    over.sort_by_key(|at| workers[*at].began);
    let asked = over.iter().filter(|at| workers[**at].asked).count();
    over.retain(|at| !workers[*at].asked);
    over.truncate(waiting.saturating_sub(asked));
    over
}
