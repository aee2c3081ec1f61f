//! The seed of a random test: printed first, and replayed from `STRETCH_SEED`.

/// Prints and returns it.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("STRETCH_SEED") {
        Ok(text) => text.parse().expect("STRETCH_SEED is a number"),
        // The one random number, which is printed.
        #[allow(clippy::disallowed_methods)]
        Err(_) => rand::random(),
    };
    println!("STRETCH_SEED={seed}");
    seed
}
