//! Files are found again, the youngest stay, and no process fills more than all may.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn segment(number: u8) -> SegmentId {
    SegmentId::from_bytes([number; 16])
}

#[test]
fn a_range_is_looked_for_alone_and_in_its_chunk() {
    let all = |range: Range<u64>| places(&segment(1), &range, &(100..200)).collect::<Vec<_>>();
    let id = segment(1);
    let exact = Place {
        file: format!("{id}.120-130"),
        len: 10,
        offset: 0,
    };
    let chunk = Place {
        file: format!("{id}.100-200"),
        len: 100,
        offset: 20,
    };
    assert_eq!(all(120..130), [exact, chunk.clone()]);
    assert_eq!(all(100..200), [Place { offset: 0, ..chunk }]);
    // What reaches over the chunk is not in its file.
    assert_eq!(all(90..130).len(), 1);
    assert_eq!(all(190..201).len(), 1);
}

#[test]
fn servers_do_not_meet() {
    let one = namespace(7, b"/data/a");
    assert_eq!(one, namespace(7, b"/data/a"));
    assert_ne!(one, namespace(7, b"/data/b"));
    assert_ne!(one, namespace(8, b"/data/a"));
    assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'));
}

#[test]
fn files_take_whole_blocks() {
    assert_eq!([0, 1, 4096, 4097].map(on_disk), [0, 4096, 4096, 8192]);
}

/// What a range was put under is found again, at the right place of the file, for random ranges and chunks.
#[test]
fn what_was_kept_is_found() {
    let case = (0u64..300, 1u64..100, 0u64..400, 1u64..100, 0u8..3);
    runner(2000)
        .run(&case, |(from, len, chunk_from, chunk_len, id)| {
            let (range, chunk) = (from..from + len, chunk_from..chunk_from + chunk_len);
            let object: Vec<u8> = (0..500u32).map(|at| (at * 31 % 251) as u8).collect();
            let part = |range: &Range<u64>| object[range.start as usize..range.end as usize].to_vec();
            let mut files = HashMap::new();
            for kept in [&range, &chunk] {
                files.insert(file(&segment(id), kept), part(kept));
            }
            for place in places(&segment(id), &range, &chunk) {
                let held = &files[&place.file];
                proptest::prop_assert_eq!(held.len() as u64, place.len);
                let at = place.offset as usize;
                proptest::prop_assert_eq!(&held[at..at + len as usize], &part(&range)[..]);
            }
            for place in places(&segment(id + 1), &range, &chunk) {
                proptest::prop_assert!(!files.contains_key(&place.file));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn eviction_is_what_a_plain_loop_does() {
    let entries = vec((0u64..20, 1u64..50), 0..40);
    runner(2000)
        .run(&(entries, 0u64..600, 0u64..200), |(entries, limit, room)| {
            let entries: Vec<Entry> = entries
                .into_iter()
                .enumerate()
                .map(|(at, (used, bytes))| Entry {
                    name: format!("{at:02}"),
                    bytes,
                    used,
                })
                .collect();
            let mut left = entries.clone();
            let sum = |entries: &[Entry]| entries.iter().map(|entry| entry.bytes).sum::<u64>();
            let mut expected = Vec::new();
            if sum(&left) + room > limit {
                while !left.is_empty() && sum(&left) + room + limit / 8 > limit {
                    let oldest = (0..left.len()).min_by_key(|at| (left[*at].used, left[*at].name.clone()));
                    expected.push(left.remove(oldest.unwrap()));
                }
            }
            let fits = sum(&left) + room <= limit || left.is_empty();
            proptest::prop_assert!(fits);
            proptest::prop_assert_eq!(evict(entries, limit, room), expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn nothing_is_reserved_before_somebody_looked() {
    let usage = Usage::default();
    assert!(!usage.reserve(1, 100));
    assert_eq!(usage.bytes(), None);
    let look = usage.look();
    usage.found(look, 60);
    assert_eq!(usage.bytes(), Some(60));
    assert!(usage.reserve(40, 100) && !usage.reserve(1, 100));
    // Who looks while a file is written counts it, though it is not there yet.
    let look = usage.look();
    usage.found(look, 10);
    assert_eq!(usage.bytes(), Some(50));
    // What begins after that adds to what was found.
    let look = usage.look();
    assert!(usage.reserve(5, 100));
    usage.found(look, 0);
    assert_eq!(usage.bytes(), Some(45));
    usage.written(40);
    usage.written(5);
    let look = usage.look();
    usage.found(look, 45);
    assert_eq!(usage.bytes(), Some(45));
}

/// Threads write and look at once; the folder never holds more than the limit, nor more than is known.
#[test]
fn many_writers_stay_within_the_limit() {
    const LIMIT: u64 = 1000;
    let (usage, folder, looker) = (Usage::default(), AtomicU64::new(0), Mutex::new(()));
    let looks = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let (usage, folder, looker, looks) = (&usage, &folder, &looker, &looks);
            scope.spawn(move || {
                for turn in 0..5000u64 {
                    let bytes = (turn * 7 + thread * 13) % 60 + 1;
                    if usage.reserve(bytes, LIMIT) {
                        assert!(folder.fetch_add(bytes, Ordering::SeqCst) + bytes <= LIMIT);
                        usage.written(bytes);
                    } else if let Ok(_guard) = looker.try_lock() {
                        let look = usage.look();
                        let there = folder.load(Ordering::SeqCst);
                        let goes = there / 2;
                        folder.fetch_sub(goes, Ordering::SeqCst);
                        usage.found(look, there - goes);
                        looks.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert!(looks.load(Ordering::SeqCst) > 10);
    assert!(usage.bytes().unwrap() >= folder.load(Ordering::SeqCst));
}

#[test]
fn a_file_tells_its_segment() {
    let segment = SegmentId::from_bytes([7; 16]);
    assert_eq!(segment_of(&file(&segment, &(5..9))), Some(segment));
    assert_eq!(segment_of("part.12.1.3"), None);
    assert_eq!(segment_of("lock"), None);
}
