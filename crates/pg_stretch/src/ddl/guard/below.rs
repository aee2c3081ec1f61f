//! What a command does to a partitioned table, or to another parent, it does to the tables below it as well.

use super::targets::{Aim, What};
use crate::catalog::partitions::{self, below};

/// The aims, and after each those at the tables below that its command reaches.
pub fn and_below(aims: Vec<Aim>) -> Vec<Aim> {
    let mut out = Vec::new();
    for aim in aims {
        if let What::Relation(relation) = aim.what
            && aim.command.is_passed_on(partitions::is_partitioned(relation))
        {
            let tables = below(relation).into_iter();
            out.extend(tables.map(|table| Aim::relation(table, aim.command)));
        }
        out.push(aim);
    }
    out
}
