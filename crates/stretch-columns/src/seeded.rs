//! Random tests of this crate: the seed is printed first, and `STRETCH_SEED` replays it.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// A runner of `cases` random cases.
pub(crate) fn runner(cases: u32) -> TestRunner {
    let seed: u64 = match std::env::var("STRETCH_SEED") {
        Ok(text) => text.parse().expect("STRETCH_SEED is a number"),
        Err(_) => std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), "seed"),
    };
    println!("STRETCH_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
