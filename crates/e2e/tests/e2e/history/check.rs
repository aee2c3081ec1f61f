//! Finds what a history of list appends must not show, as Elle does: lost, doubled, reordered and aborted appends, and
//! cycles of dependencies. Pure: the histories come from `workload`.

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// What a transaction did to one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Added this value at the end; no two appends of a history add the same one.
    Append(u32, u64),
    /// Saw this list.
    Read(u32, Vec<u64>),
}

/// One transaction.
#[derive(Clone, Debug)]
pub struct Txn {
    pub ops: Vec<Op>,
    pub committed: bool,
}

/// Isolation level of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Level {
    pub const ALL: [Self; 3] = [Self::ReadCommitted, Self::RepeatableRead, Self::Serializable];

    /// As BEGIN spells it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    /// A value was appended right behind another's.
    WriteWrite,
    /// A read saw a value as the last one.
    WriteRead,
    /// A read did not see the value that came next.
    ReadWrite,
}

/// All anomalies, each a sentence. `last` is the content of every list after the last transaction.
pub fn anomalies(history: &[Txn], last: &BTreeMap<u32, Vec<u64>>, level: Level) -> Vec<String> {
    let mut found = Vec::new();
    let mut writer = HashMap::new();
    let mut aborted = HashSet::new();
    for (number, txn) in history.iter().enumerate() {
        for op in &txn.ops {
            match op {
                Op::Append(_, value) if txn.committed => {
                    writer.insert(*value, number);
                }
                Op::Append(_, value) => {
                    aborted.insert(*value);
                }
                Op::Read(..) => {}
            }
        }
    }
    appends(history, last, &writer, &aborted, &mut found);
    if found.is_empty() {
        cycles(history, last, &writer, level, &mut found);
    }
    found
}

/// Every committed append is there once and in the transaction's order, no aborted one is, and reads are prefixes.
fn appends(
    history: &[Txn],
    last: &BTreeMap<u32, Vec<u64>>,
    writer: &HashMap<u64, usize>,
    aborted: &HashSet<u64>,
    found: &mut Vec<String>,
) {
    let mut place = HashMap::new();
    for (key, list) in last {
        for (at, value) in list.iter().enumerate() {
            if place.insert(*value, (*key, at)).is_some() {
                found.push(format!("append {value} is doubled in list {key}"));
            }
            if aborted.contains(value) {
                found.push(format!("append {value} of list {key} was rolled back and is there"));
            } else if !writer.contains_key(value) {
                found.push(format!("value {value} of list {key} was never appended"));
            }
        }
    }
    for (number, txn) in history.iter().enumerate().filter(|(_, txn)| txn.committed) {
        let mut own: HashMap<u32, Vec<u64>> = HashMap::new();
        for op in &txn.ops {
            match op {
                Op::Append(key, value) => {
                    own.entry(*key).or_default().push(*value);
                    if place.get(value).is_none_or(|(there, _)| there != key) {
                        found.push(format!("append {value} of transaction {number} to list {key} is lost"));
                    }
                }
                Op::Read(key, seen) => {
                    let all = last.get(key).map(Vec::as_slice).unwrap_or_default();
                    if !all.starts_with(seen) {
                        found.push(format!(
                            "transaction {number} read {seen:?} of list {key}, which became {all:?}"
                        ));
                    }
                    if !seen.ends_with(own.get(key).map(Vec::as_slice).unwrap_or_default()) {
                        found.push(format!(
                            "transaction {number} does not see its own appends to list {key}"
                        ));
                    }
                }
            }
        }
        for (key, values) in own {
            let places: Vec<_> = values.iter().filter_map(|value| place.get(value)).collect();
            if !places.is_sorted() {
                found.push(format!(
                    "the appends of transaction {number} to list {key} are reordered"
                ));
            }
        }
    }
}

/// Cycles that the level forbids: of writes and reads of them at any level, with one unseen write from REPEATABLE READ
/// on, any under SERIALIZABLE.
fn cycles(
    history: &[Txn],
    last: &BTreeMap<u32, Vec<u64>>,
    writer: &HashMap<u64, usize>,
    level: Level,
    found: &mut Vec<String>,
) {
    let mut edges = BTreeSet::new();
    let mut add = |from: usize, to: usize, kind: Edge| {
        if from != to {
            edges.insert((from, to, kind as u8));
        }
    };
    for list in last.values() {
        for pair in list.windows(2) {
            add(writer[&pair[0]], writer[&pair[1]], Edge::WriteWrite);
        }
    }
    for (number, txn) in history.iter().enumerate().filter(|(_, txn)| txn.committed) {
        for op in &txn.ops {
            let Op::Read(key, seen) = op else { continue };
            // What it appended itself it read from itself.
            let foreign = seen.iter().rev().find(|value| writer[*value] != number);
            if let Some(value) = foreign {
                add(writer[value], number, Edge::WriteRead);
            }
            let next = last.get(key).and_then(|list| list.get(seen.len()));
            if let Some(value) = next.filter(|_| level != Level::ReadCommitted) {
                add(number, writer[value], Edge::ReadWrite);
            }
        }
    }
    let build = |with_unseen: bool| {
        let mut graph = DiGraph::<usize, u8>::new();
        let nodes: Vec<NodeIndex> = (0..history.len()).map(|number| graph.add_node(number)).collect();
        for (from, to, kind) in &edges {
            if with_unseen || *kind != Edge::ReadWrite as u8 {
                graph.add_edge(nodes[*from], nodes[*to], *kind);
            }
        }
        graph
    };
    let knots = |graph: &DiGraph<usize, u8>| -> Vec<Vec<NodeIndex>> {
        tarjan_scc(graph).into_iter().filter(|knot| knot.len() > 1).collect()
    };
    let seen_only = build(false);
    for knot in knots(&seen_only) {
        found.push(format!("a cycle of writes and reads among transactions {knot:?}"));
    }
    let full = build(true);
    for knot in knots(&full) {
        let inside: HashSet<usize> = knot.iter().map(|node| full[*node]).collect();
        if level == Level::Serializable {
            found.push(format!("a cycle among transactions {inside:?}"));
            continue;
        }
        for (from, to, _) in edges
            .iter()
            .filter(|(from, to, kind)| *kind == Edge::ReadWrite as u8 && inside.contains(from) && inside.contains(to))
        {
            let (from, to) = (NodeIndex::new(*from), NodeIndex::new(*to));
            if petgraph::algo::has_path_connecting(&seen_only, to, from, None) {
                found.push(format!("transaction {from:?} did not see {to:?}, on which it depends"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Op::{Append, Read};
    use super::{Level, Op, Txn, anomalies};
    use std::collections::BTreeMap;

    fn txn(ops: &[Op]) -> Txn {
        Txn {
            ops: ops.to_vec(),
            committed: true,
        }
    }

    fn found(history: &[Txn], last: &[(u32, &[u64])], level: Level) -> Vec<String> {
        let last: BTreeMap<u32, Vec<u64>> = last.iter().map(|(key, list)| (*key, list.to_vec())).collect();
        anomalies(history, &last, level)
    }

    #[test]
    fn history_check_accepts_what_is_serial() {
        let history = [
            txn(&[Append(1, 10), Read(1, vec![10])]),
            txn(&[Read(1, vec![10]), Append(2, 20), Append(1, 11)]),
            txn(&[Read(2, vec![20]), Read(1, vec![10, 11])]),
        ];
        for level in Level::ALL {
            assert!(found(&history, &[(1, &[10, 11]), (2, &[20])], level).is_empty());
        }
    }

    #[test]
    fn history_check_finds_lost_doubled_and_aborted_appends() {
        let mut history = vec![txn(&[Append(1, 10)]), txn(&[Append(1, 11)]), txn(&[Append(1, 12)])];
        history[2].committed = false;
        for (last, word) in [
            (&[10][..], "lost"),
            (&[10, 11, 11], "doubled"),
            (&[10, 12, 11], "rolled back"),
            (&[10, 11, 13], "never appended"),
        ] {
            let found = found(&history, &[(1, last)], Level::ReadCommitted);
            assert!(found.iter().any(|text| text.contains(word)), "{word}: {found:?}");
        }
        let reread = [txn(&[Append(1, 10), Append(1, 11)]), txn(&[Read(1, vec![11])])];
        let found = found(&reread, &[(1, &[11, 10])], Level::ReadCommitted);
        assert!(found.iter().any(|text| text.contains("reordered")), "{found:?}");
    }

    #[test]
    fn history_check_knows_which_cycles_a_level_forbids() {
        // Each reads the other's append: circular information flow, forbidden everywhere.
        let circular = [
            txn(&[Append(1, 10), Read(2, vec![20])]),
            txn(&[Append(2, 20), Read(1, vec![10])]),
        ];
        // The second read misses an append that the first read depends on: a skewed read.
        let skewed_read = [
            txn(&[Append(1, 10), Append(2, 20)]),
            txn(&[Read(1, vec![10]), Read(2, vec![])]),
        ];
        // Each misses the other's append: write skew, allowed under snapshots.
        let write_skew = [
            txn(&[Read(2, vec![]), Append(1, 10)]),
            txn(&[Read(1, vec![]), Append(2, 20)]),
        ];
        for (history, forbidden) in [
            (circular, [true, true, true]),
            (skewed_read, [false, true, true]),
            (write_skew, [false, false, true]),
        ] {
            for (level, forbidden) in Level::ALL.into_iter().zip(forbidden) {
                let found = found(&history, &[(1, &[10]), (2, &[20])], level);
                assert_eq!(!found.is_empty(), forbidden, "{level:?} {history:?}: {found:?}");
            }
        }
    }
}
