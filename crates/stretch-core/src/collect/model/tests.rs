//! The whole model is sound; without any one rule it is not.

use super::search::{Found, explore};
use super::state::Scope;

fn sound(scope: Scope) {
    match explore(&scope) {
        Found::Sound(graph) => {
            println!("{} states", graph.states.len());
            assert_eq!(graph.stuck(&scope), None, "garbage that nothing removes");
        }
        Found::Broken { needs, way, state } => panic!("{needs:?} lacks an object after {way:#?} in {state:#?}"),
    }
}

#[test]
fn whatever_is_needed_exists_and_garbage_goes() {
    let env = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(0usize);
    let scope = Scope {
        live: env("LIVE"),
        to_come: env("COME"),
        retention: env("R") as u8,
        backups: env("B") > 0,
        branch: env("BR") > 0,
        takeover: env("T") > 0,
        without: None,
    };
    sound(scope);
}
