//! Two requests go wrong, drawn from a seed: `STRETCH_SEED` replays it.

use super::call::{Landing, call_until_done};
use super::compare::assert_same;
use super::tests::{cases, undisturbed};
use crate::faults::Mishap;
use std::hash::{BuildHasher, RandomState};

const PAIRS: usize = 150;

/// Small numbers from a seed (splitmix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

#[test]
fn two_mishaps_change_nothing_either() {
    let seed: u64 = match std::env::var("STRETCH_SEED") {
        Ok(text) => text.parse().expect("STRETCH_SEED is a number"),
        Err(_) => RandomState::new().hash_one("seed"),
    };
    println!("STRETCH_SEED={seed}");
    let mut draw = Draw(seed);
    for case in cases() {
        let (expected, requests) = undisturbed(&case);
        let mut both = 0;
        for _ in 0..PAIRS {
            let mut world = case.world.again();
            let first = draw.below(requests);
            // Often in the call that makes the first mishap good.
            let second = first + 1 + draw.below(requests);
            let mishaps = [draw.of(&Mishap::ALL), draw.of(&Mishap::ALL)];
            let landing = draw.of(&[Landing::BeforeTheNextCall, Landing::AfterSuccess]);
            world.store.disturb(first, mishaps[0]);
            world.store.disturb(second, mishaps[1]);
            let what = format!("{}: requests {first} and {second}: {mishaps:?}, {landing:?}", case.name);
            println!("{what}");
            call_until_done(&mut world, case.procedure, landing);
            both += usize::from(world.store.undisturbed() == 0);
            assert_same(&world, &expected, &what);
        }
        assert!(both > PAIRS / 2, "{}: only {both} pairs hit", case.name);
    }
}
