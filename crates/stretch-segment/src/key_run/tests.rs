//! Runs find what was put into them, merged or not, and are divided as said.

use super::*;
use crate::key_filter::{KeyFilter, KeyId};
use crate::seeded::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{HashMap, HashSet};

/// Bytes at an address that is a multiple of eight, as those of a mapping are.
#[derive(Debug)]
struct Aligned(Vec<u64>, usize);

impl AsRef<[u8]> for Aligned {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.0)[..self.1]
    }
}

fn aligned(bytes: &[u8]) -> Aligned {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..bytes.len()].copy_from_slice(bytes);
    Aligned(words, bytes.len())
}

fn one(id: u8, hashes: &[u64]) -> KeyRun<Aligned> {
    let key = KeyId {
        fields: vec![1],
        nulls_not_distinct: false,
    };
    let filter = KeyFilter::new(key, hashes.iter().copied());
    let mut bytes = Vec::new();
    write_one(&mut bytes, [id; 16], (!hashes.is_empty()).then_some(&filter)).unwrap();
    KeyRun::open(aligned(&bytes)).unwrap()
}

fn merge(runs: &[KeyRun<Aligned>]) -> KeyRun<Aligned> {
    let mut bytes = Vec::new();
    write_merged(&mut bytes, runs, || ()).unwrap();
    KeyRun::open(aligned(&bytes)).unwrap()
}

#[test]
fn merged_runs_find_each_key_in_its_segments() {
    let mut rng = StdRng::seed_from_u64(seed());
    let mut model: HashMap<u64, HashSet<u8>> = HashMap::new();
    let mut runs = Vec::new();
    let repeated: Vec<u64> = (0..100).map(|_| rng.random()).collect();
    for id in 0..16u8 {
        let size = [0, 1, 10, 3000][rng.random_range(0..4)];
        let mut hashes: Vec<u64> = (0..size).map(|_| rng.random()).collect();
        hashes.extend(repeated.iter().filter(|_| size > 0 && rng.random_bool(0.3)));
        hashes.extend(if id == 3 { vec![0, u64::MAX] } else { vec![] });
        hashes.iter().for_each(|hash| {
            model.entry(*hash).or_default().insert(id);
        });
        runs.push(one(id, &hashes));
    }
    let unknown: Vec<bool> = runs.iter().map(|run| run.members()[0].known).collect();
    let mut merged = Vec::new();
    while runs.len() >= CHILDREN {
        merged.push(merge(&runs.drain(..CHILDREN).collect::<Vec<_>>()));
    }
    let all = merge(&merged);
    assert!(model.values().any(|ids| ids.len() > 1), "no key is in two segments");
    assert_eq!(
        all.members().iter().map(|member| member.known).collect::<Vec<_>>(),
        unknown
    );
    assert!(
        all.members()
            .iter()
            .enumerate()
            .all(|(i, member)| member.id == [i as u8; 16])
    );
    for (hash, ids) in &model {
        let mut found = HashSet::new();
        all.find_each(&[*hash], |number| {
            found.insert(all.members()[number].id[0]);
        });
        assert_eq!(found, *ids);
    }
    let random: Vec<u64> = (0..100_000).map(|_| rng.random()).collect();
    let mut strangers = 0;
    all.find_each(&random, |_| strangers += 1);
    assert_eq!(strangers, 0, "keys that are in no segment");
}

#[test]
fn other_bytes_are_no_run() {
    let run = one(7, &[1 << 20, 2 << 40, 3 << 60]);
    let bytes = run.bytes.as_ref().to_vec();
    for length in 0..bytes.len() {
        assert!(KeyRun::open(aligned(&bytes[..length])).is_none(), "{length} bytes");
    }
    for at in 0..HEADER {
        let mut other = bytes.clone();
        other[at] ^= 0x10;
        assert!(KeyRun::open(aligned(&other)).is_none(), "byte {at}");
    }
}

#[test]
fn groups_are_aligned_powers_of_four_and_stay_as_segments_come() {
    let mut before: Vec<Range<usize>> = Vec::new();
    for count in 0..1500 {
        let groups = tiers(&vec![10; count]);
        assert_eq!(groups.iter().map(Range::len).sum::<usize>(), count);
        for group in &groups {
            let size = group.len();
            assert!(size.is_power_of_two() && size.ilog2().is_multiple_of(2) && group.start.is_multiple_of(size));
        }
        assert!(groups.len() <= 16, "{count} segments in {} runs", groups.len());
        // A group of before is there still, or is the part of one.
        assert!(
            before
                .iter()
                .all(|old| groups.iter().any(|new| new.start <= old.start && old.end <= new.end))
        );
        before = groups;
    }
    assert_eq!(tiers(&[MAX_ENTRIES, 1, 1, 1, 1]), [0..1, 1..2, 2..3, 3..4, 4..5]);
}
