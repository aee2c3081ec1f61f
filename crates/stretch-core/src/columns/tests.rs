//! The list of columns is complete and names none twice; whether the numbers are right only a server knows.

use super::*;
use std::collections::HashSet;

#[test]
fn the_list_has_every_column_once() {
    let defined = include_str!("../columns.rs").matches("= Column::new(").count();
    let names: HashSet<_> = ALL.iter().map(|column| (column.table, column.name)).collect();
    let numbers: HashSet<_> = ALL.iter().map(|column| (column.table, column.number)).collect();
    assert_eq!(ALL.len(), defined, "a column is missing in ALL");
    assert_eq!((names.len(), numbers.len()), (defined, defined));
}

#[test]
fn a_tombstone_is_written_whole() {
    let places: Vec<usize> = tombstone::ALL.iter().map(|column| column.index()).collect();
    assert_eq!(places, [0, 1, 2, 3, 4]);
}
