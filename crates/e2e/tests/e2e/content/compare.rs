//! The content of all tables as multisets, by text and by binary send, and what differs between two of them.

use super::table::Table;
use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use testkit::{Client, digest};

/// Of one table.
#[derive(PartialEq, Eq)]
struct Content {
    /// md5 and beginning of the text of a row, and how often it is there.
    text: BTreeMap<(String, String), usize>,
    /// Hashes of the rows as sent in binary, sorted.
    binary: Vec<u64>,
}

/// Of all tables, in their order.
pub struct Contents(Vec<Content>);

impl Contents {
    pub fn of(db: &Client, tables: &[Table]) -> Contents {
        Contents(tables.iter().map(|table| content(db, table)).collect())
    }

    /// Panics with table and first rows when these are not the contents of the same tables in `db`.
    #[track_caller]
    pub fn must_be(&self, db: &Client, tables: &[Table], when: &str) {
        for (table, before) in tables.iter().zip(&self.0) {
            let after = content(db, table);
            if *before == after {
                continue;
            }
            let missing = without(&before.text, &after.text);
            let more = without(&after.text, &before.text);
            panic!(
                "{when}: the content of {} changed (filter {:?}, columns {})\nmissing rows: \
                 {missing:#?}\nrows too many: {more:#?}\nsame bytes: {}",
                table.name,
                table.filter,
                table
                    .columns
                    .iter()
                    .map(|c| format!("{} {}", c.name, c.kind.sql))
                    .collect::<Vec<_>>()
                    .join(", "),
                before.binary == after.binary
            );
        }
    }
}

fn content(db: &Client, table: &Table) -> Content {
    let mut text = BTreeMap::new();
    for row in db.rows(&format!(
        "SELECT md5(q::text), left(q::text, 400) FROM {} q",
        table.name
    )) {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let key = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        *text.entry(key).or_default() += 1;
    }
    let mut binary: Vec<u64> = digest::binary_multiset(db, &table.portable())
        .iter()
        .map(|row| {
            let mut hasher = DefaultHasher::new();
            row.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    binary.sort_unstable();
    Content { text, binary }
}

/// The first rows that are more often in `a` than in `b`.
fn without(a: &BTreeMap<(String, String), usize>, b: &BTreeMap<(String, String), usize>) -> Vec<String> {
    a.iter()
        .filter(|(row, count)| b.get(row).copied().unwrap_or(0) < **count)
        .map(|((_, beginning), count)| format!("{count} × {beginning}"))
        .take(3)
        .collect()
}
