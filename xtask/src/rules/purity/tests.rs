//! A planted clock is found in what is compiled, and not in tests.

use super::*;

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let configured: Vec<String> = PURE.iter().map(|p| format!("crates/{p}/clippy.toml")).collect();
    let mut all: Vec<(&str, &str)> = configured.iter().map(|path| (path.as_str(), "same")).collect();
    all.extend(files);
    check(&Tree::of(&all))
}

#[test]
fn a_clock_is_a_breach() {
    for line in [
        "let t = std::time::Instant::now();",
        "use std::time::SystemTime;",
        "let n: u8 = rand::random();",
        "getrandom::fill(&mut nonce)?;",
        "Uuid::new_v4()",
    ] {
        let text = format!("//! A.\nfn f() {{\n{line} }}\n");
        let breaches = found(&[("crates/stretch-vault/src/seal.rs", &text)]);
        assert!(
            breaches.len() == 1 && breaches[0].starts_with("crates/stretch-vault/src/seal.rs:3: "),
            "{breaches:?}"
        );
        // Where clocks may be read.
        assert_eq!(
            found(&[("crates/stretch-endpoint/src/lease.rs", &text)]),
            Vec::<String>::new()
        );
    }
}

#[test]
fn tests_may_have_clocks() {
    let clock = "use std::time::SystemTime;";
    let inline = "//! A.\n#[cfg(test)]\nmod tests { mod deep { fn f() { Instant::now(); } } }\nfn after() {}";
    assert_eq!(
        found(&[
            (
                "crates/stretch-core/src/lib.rs",
                "#[cfg(test)]\npub(crate) mod seeded;\nmod a;"
            ),
            ("crates/stretch-core/src/seeded.rs", clock),
            ("crates/stretch-core/src/steps.rs", inline),
            ("crates/stretch-core/tests/fuzz.rs", clock),
            (
                "crates/stretch-core/src/word.rs",
                "//! SystemTime\nlet operand = Operand::Literal(Instant::from(1));"
            ),
        ]),
        Vec::<String>::new()
    );
}

#[test]
fn each_crate_tells_clippy() {
    let folder = format!("crates/{}/clippy.toml", PURE[0]);
    let breaches = check(&Tree::of(&[(&folder, "same")]));
    assert_eq!(breaches.len(), PURE.len() - 1);
    assert!(breaches.iter().all(|b| b.ends_with("clippy.toml is missing")));
}
