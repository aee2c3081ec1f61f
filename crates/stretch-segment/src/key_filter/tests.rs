//! Key filters come back as they were written, are as small as said, and never panic on damaged input.

use super::*;
use crate::seeded::seed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

fn key(fields: &[i32]) -> KeyId {
    KeyId {
        fields: fields.to_vec(),
        nulls_not_distinct: fields.len() == 1,
    }
}

fn filters(filters: Vec<KeyFilter>) -> KeyFilters {
    KeyFilters {
        environment: "UTF8 little".into(),
        filters,
    }
}

#[test]
fn filters_come_back_as_written() {
    let mut rng = StdRng::seed_from_u64(seed());
    for size in [0, 1, 2, 3, 100, 5000] {
        let random: Vec<u64> = (0..size).map(|_| rng.random()).collect();
        let extremes = [0, u64::MAX, 1 << 16, 1 << 63];
        let written = filters(vec![
            KeyFilter::new(key(&[1]), random.clone()),
            KeyFilter::new(key(&[3, -2]), extremes),
            KeyFilter::new(key(&[]), random.iter().map(|hash| hash >> 30)),
        ]);
        let read = KeyFilters::from_bytes(&written.to_bytes().unwrap()).unwrap();
        assert_eq!(read, written);
        assert!(
            random
                .iter()
                .all(|hash| read.filters[0].hashes().binary_search(&cut(*hash)).is_ok())
        );
    }
}

#[test]
fn a_key_of_a_million_takes_under_four_bytes() {
    let mut rng = StdRng::seed_from_u64(seed());
    let random: Vec<u64> = (0..1_000_000).map(|_| rng.random()).collect();
    let bytes = filters(vec![KeyFilter::new(key(&[1]), random)]).to_bytes().unwrap();
    let per_key = bytes.len() as f64 / 1e6;
    println!("{per_key:.2} bytes per key");
    assert!(per_key < 4.0);
}

#[test]
fn damage_is_an_error() {
    let mut rng = StdRng::seed_from_u64(seed());
    let written = filters(vec![KeyFilter::new(key(&[1]), (0..50).map(|_| rng.random()))]);
    let bytes = written.to_bytes().unwrap();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << rng.random_range(0..8);
        assert!(KeyFilters::from_bytes(&damaged).is_err(), "byte {at}");
        assert!(KeyFilters::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
    }
    let mut newer = bytes;
    newer[5] = 2;
    assert_eq!(KeyFilters::from_bytes(&newer), Err(SegmentError::UnknownVersion(2)));
}

#[test]
fn bodies_with_a_right_checksum_do_not_panic() {
    let mut rng = StdRng::seed_from_u64(seed());
    let bytes = filters(vec![KeyFilter::new(key(&[1]), (0..50).map(|_| rng.random()))])
        .to_bytes()
        .unwrap();
    for _ in 0..5000 {
        let mut body = bytes[..bytes.len() - CHECKSUM_BYTES].to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(6..body.len());
            body[at] = rng.random();
        }
        let sum = checksum(&body);
        body.extend_from_slice(&sum);
        if let Ok(read) = KeyFilters::from_bytes(&body) {
            assert!(read.filters.iter().all(|filter| filter.hashes.is_sorted()));
        }
    }
}

#[test]
fn merged_filters_have_every_key_of_all() {
    let mut rng = StdRng::seed_from_u64(seed());
    let mut hashes = |count: usize| -> Vec<u64> { (0..count).map(|_| rng.random()).collect() };
    let (a, b, c) = (hashes(50), hashes(70), hashes(5));
    let first = filters(vec![
        KeyFilter::new(key(&[1]), a.clone()),
        KeyFilter::new(key(&[2]), c.clone()),
    ]);
    let second = filters(vec![KeyFilter::new(key(&[1]), b.clone())]);
    let merged = KeyFilters::merged(&[first.clone(), second]).unwrap();
    let all = KeyFilter::new(key(&[1]), a.into_iter().chain(b));
    assert_eq!(merged, filters(vec![all]), "a key that one has no filter for has none");
    let other = KeyFilters {
        environment: "LATIN1 little".into(),
        filters: vec![],
    };
    assert_eq!(KeyFilters::merged(&[first.clone(), other]), None);
    assert_eq!(KeyFilters::merged(std::slice::from_ref(&first)), Some(first));
    assert_eq!(KeyFilters::merged(&[]), None);
}
