//! Digests of a table's whole content, computed by the server, to compare two states of it.

use crate::client::Client;
use tokio_postgres::types::Type;

/// Row count and md5 over the text of all rows, in the order of the given key columns.
/// `relation` is any table or view.
#[track_caller]
pub fn table_digest(client: &Client, relation: &str, key: &str) -> String {
    client
        .lines(&format!(
            "SELECT count(*), md5(coalesce(string_agg(md5(q::text), '' ORDER BY {key}), '')) FROM {relation} q"
        ))
        .remove(0)
}

/// Row count and md5 of the content as a multiset of `row::text`: equal for equal rows in any order.
#[track_caller]
pub fn multiset_digest(client: &Client, relation: &str) -> String {
    client
        .lines(&format!(
            "SELECT coalesce(sum(n), 0), md5(coalesce(string_agg(md5(r || ' ' || n), '' ORDER BY md5(r)), ''))
             FROM (SELECT q::text AS r, count(*) AS n FROM {relation} q GROUP BY 1) rows"
        ))
        .remove(0)
}

/// Two relations have the same rows, in any order.
#[track_caller]
pub fn assert_same(client: &Client, relation: &str, other: &str, what: &str) {
    let digests = [relation, other].map(|one| multiset_digest(client, one));
    assert_eq!(digests[0], digests[1], "{what}: {relation} and {other}");
}

/// All rows as the binary send functions write them (the body of `COPY … (FORMAT binary)`, split
/// into rows), sorted: tells apart what prints alike. Columns are those of the relation, in order.
#[track_caller]
pub fn binary_multiset(client: &Client, relation: &str) -> Vec<Vec<u8>> {
    let bytes = client.copy_out(&format!("COPY (SELECT * FROM {relation}) TO STDOUT (FORMAT binary)"));
    let mut rows = split_binary_copy(&bytes);
    rows.sort();
    rows
}

/// Splits the COPY binary format: a 19-byte header plus its extension, then per row a 16-bit
/// number of fields and per field a 32-bit length (-1 for NULL) and bytes; -1 fields end it.
fn split_binary_copy(bytes: &[u8]) -> Vec<Vec<u8>> {
    let int32 = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let mut at = 19 + int32(15) as usize;
    let mut rows = Vec::new();
    loop {
        let begin = at;
        let fields = i16::from_be_bytes(bytes[at..at + 2].try_into().expect("two bytes"));
        at += 2;
        if fields < 0 {
            assert_eq!(at, bytes.len(), "nothing follows the trailer");
            return rows;
        }
        for _ in 0..fields {
            let length = int32(at);
            at += 4 + usize::try_from(length).unwrap_or(0);
        }
        rows.push(bytes[begin..at].to_vec());
    }
}

/// Names and types of a relation's columns, as a prepared statement describes them.
pub fn columns(client: &Client, relation: &str) -> Vec<(String, Type)> {
    client
        .prepare(&format!("SELECT * FROM {relation}"))
        .expect("the relation can be read")
        .columns()
        .iter()
        .map(|column| (column.name().to_owned(), column.type_().clone()))
        .collect()
}
