//! One transaction: its statements, the savepoints before them, and how it ends.

use super::draw::Draw;
use super::statement::Statement;
use super::{locks, others, reads, upserts, writes};
use std::collections::VecDeque;

pub struct Transaction {
    pub statements: VecDeque<Statement>,
    /// A savepoint before each statement, so that an error does not end it.
    pub savepoints: bool,
    pub commits: bool,
    /// What the next one of the session begins with.
    pub sequel: Vec<Statement>,
}

impl Transaction {
    /// The next one; one that follows a cursor WITH HOLD begins with it. TRUNCATE is not for who has a neighbour, whose
    /// older snapshot it would empty.
    pub fn draw(d: &mut Draw, before: Vec<Statement>, alone: bool) -> Self {
        let mut statements = VecDeque::from(before);
        let mut sequel = Vec::new();
        if d.percent(25) {
            statements.push_back(others::setting(d));
        }
        let count = d.pick(&[1, 1, 2, 3, 5, 8]);
        for _ in 0..count {
            match d.below(100) {
                0..=26 => statements.push_back(reads::draw(d)),
                27..=55 => statements.push_back(writes::draw(d)),
                56..=71 => statements.push_back(upserts::draw(d)),
                72..=79 => statements.push_back(locks::lock(d)),
                80..=84 => statements.extend(locks::cursor(d)),
                85 => {
                    let [first, then] = locks::holdable(d);
                    statements.extend(first);
                    sequel.extend(then);
                }
                86 if alone => statements.extend(others::truncate(d)),
                _ => statements.push_back(others::draw(d)),
            }
        }
        Self {
            statements,
            savepoints: d.percent(40),
            commits: d.percent(85),
            sequel,
        }
    }
}
