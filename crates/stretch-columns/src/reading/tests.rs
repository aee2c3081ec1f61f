//! Pieces, requests and the prefetch window: by example, and by properties of random ranges.

use super::*;
use crate::seeded::runner;
use proptest::collection::vec;
use proptest::prelude::*;
use stretch_core::ranges::GAP_OF_REQUESTS;

const MIB: u64 = PIECE_BYTES;

#[test]
fn pieces_cover_a_range() {
    assert_eq!(pieces(&(0..0)), 0..0);
    assert_eq!(pieces(&(0..MIB)), 0..1);
    assert_eq!(pieces(&(MIB - 1..MIB + 1)), 0..2);
    assert_eq!(pieces(&(MIB..3 * MIB)), 1..3);
    assert_eq!(first_piece(&[5 * MIB..6 * MIB, 2 * MIB..3 * MIB, 7..7]), 2);
    assert_eq!(first_piece(&[]), 0);
}

fn staged(content: &[u8]) -> HashMap<i32, Bytes> {
    let pieces = content.chunks(MIB as usize).enumerate();
    pieces
        .map(|(number, piece)| (number as i32, Bytes::copy_from_slice(piece)))
        .collect()
}

fn content(length: u64) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

#[test]
fn a_range_is_cut_across_pieces() {
    let content = content(2 * MIB + 100);
    let mut held = staged(&content);
    for range in [0..10, MIB - 3..MIB + 3, 5..2 * MIB + 100, 2 * MIB..2 * MIB + 100, 7..7] {
        let expected = &content[range.start as usize..range.end as usize];
        assert_eq!(cut(&held, &range), expected, "{range:?}");
    }
    // A staged segment that lost its end or a piece gives fewer bytes, which no checksum passes.
    assert_eq!(cut(&held, &(2 * MIB..2 * MIB + 500)).len(), 100);
    assert_eq!(cut(&held, &(2 * MIB + 200..2 * MIB + 500)).len(), 0);
    held.remove(&1);
    assert_eq!(cut(&held, &(MIB - 3..2 * MIB + 3)).len(), 6);
}

#[test]
fn cutting_and_pieces_agree() {
    let content = content(3 * MIB + 77);
    let held = staged(&content);
    let length = content.len() as u64;
    runner(200)
        .run(&(0..length, 0..length), |(a, b)| {
            let range = a.min(b)..a.max(b);
            let touched: HashMap<i32, Bytes> = pieces(&range).map(|number| (number, held[&number].clone())).collect();
            let expected = &content[range.start as usize..range.end as usize];
            prop_assert!(cut(&touched, &range) == expected);
            Ok(())
        })
        .unwrap();
}

#[test]
fn requests_are_counted_as_they_travel() {
    assert_eq!(travelling(&[]), (0, 0));
    assert_eq!(travelling(&[0..10, 10..20]), (1, 20));
    assert_eq!(travelling(&[MIB..MIB + 5, 0..10]), (2, 15));
    assert_eq!(travelling(&[0..10, 5..8, 100..110]), (1, 110));
    let gap = GAP_OF_REQUESTS;
    assert_eq!(travelling(&[0..10, gap + 10..gap + 20]), (1, gap + 20));
    assert_eq!(travelling(&[0..10, gap + 11..gap + 20]), (2, 19));
}

fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
    vec((0u64..2000, 0u64..200), 0..12).prop_map(|ranges| {
        ranges
            .into_iter()
            .map(|(start, length)| start..start + length)
            .collect()
    })
}

fn costs(ranges: &[Range<u64>]) -> Cost {
    cost(ranges, GAP_OF_REQUESTS)
}

fn travelling(ranges: &[Range<u64>]) -> (u64, u64) {
    let cost = costs(ranges);
    (cost.requests, cost.bytes)
}

/// What the fetcher of the extension does with the window, for row groups that are all remote.
fn get(window: &mut Window<usize>, wants: &[Vec<Range<u64>>], number: usize, limit: u64, ahead: bool) -> Option<usize> {
    if !window.advance(number) {
        window.started(number, costs(&wants[number]), number);
    }
    let mut next = window.next(number);
    while ahead && wants.get(next).is_some_and(|want| window.admits(costs(want), limit)) {
        window.started(next, costs(&wants[next]), next);
        next = window.next(number);
    }
    window.take()
}

#[test]
fn the_window_reads_ahead_as_far_as_it_may() {
    let wants: Vec<Vec<Range<u64>>> = (0..6)
        .map(|i| std::iter::once(i * 100..i * 100 + 40).collect())
        .collect();
    let mut window = Window::default();
    // The first row group is asked for alone.
    assert_eq!(get(&mut window, &wants, 0, 100, false), Some(0));
    assert_eq!(window.bytes(), 0);
    // Then two fit, the one that is read included.
    assert_eq!(get(&mut window, &wants, 1, 100, true), Some(1));
    assert_eq!((window.next(1), window.bytes()), (3, 40));
    // Row group 2 is passed over: it is forgotten, and 3 is asked for as the first.
    assert!(!window.advance(3));
    assert_eq!(window.bytes(), 0);
    // A jump forgets what was on its way behind and before.
    assert_eq!(get(&mut window, &wants, 5, 100, true), Some(5));
    assert_eq!((window.next(5), window.bytes()), (6, 0));
    assert_eq!(get(&mut window, &wants, 2, 100, true), Some(2));
    assert_eq!(window.bytes(), 40);
    window.clear();
    assert_eq!(window.bytes(), 0);
    // One that was passed over does not keep those behind it from being used.
    window.started(0, costs(&wants[0]), 0);
    window.started(1, costs(&wants[1]), 1);
    window.started(2, costs(&wants[2]), 2);
    assert!(window.advance(2));
    assert_eq!((window.take(), window.take()), (Some(2), None));
    assert!(!window.admits(costs(&[]), 100) && !window.admits(costs(std::slice::from_ref(&(3..3))), 100));
}

#[test]
fn gaps_count_as_bytes_on_their_way() {
    let window: Window<()> = Window::default();
    let far = [0..10, 200..210];
    assert!(!window.admits(costs(&far), 209) && window.admits(costs(&far), 210));
}

#[test]
fn the_window_stays_within_its_limit() {
    let steps = vec(prop_oneof![4 => Just(None), 1 => (0usize..20).prop_map(Some)], 1..30);
    let wants = vec(
        ranges().prop_filter("has bytes", |r| r.iter().any(|r| !r.is_empty())),
        20,
    );
    let ahead = std::cell::Cell::new(0);
    runner(200)
        .run(&(wants, steps, 0u64..4000), |(wants, steps, limit)| {
            let mut window = Window::default();
            let mut number = 0;
            for step in steps {
                number = step.unwrap_or((number + 1) % wants.len());
                prop_assert_eq!(get(&mut window, &wants, number, limit, true), Some(number));
                prop_assert!(window.bytes() <= limit);
                let next = window.next(number);
                // What comes next was left out because it does not fit beside the one that was read.
                let (_, read) = travelling(&wants[number]);
                if let Some(want) = wants.get(next) {
                    prop_assert!(window.bytes() + read + travelling(want).1 > limit);
                }
                ahead.set(ahead.get() + usize::from(next > number + 1));
            }
            Ok(())
        })
        .unwrap();
    assert!(ahead.get() > 50, "{}", ahead.get());
}
