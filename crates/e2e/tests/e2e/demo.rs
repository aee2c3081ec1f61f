//! The demo of the README, run as a user would: it compares every pair itself and fails when one differs.

use std::process::{Command, Stdio};

#[test]
fn demo_shows_the_whole_story() {
    tell(&[]);
}

#[test]
fn demo_tells_it_in_tsql() {
    tell(&["--tsql"]);
}

fn tell(args: &[&str]) {
    let exe = std::env::current_exe().expect("the test program has a path");
    let demo = exe
        .parent()
        .and_then(|deps| deps.parent())
        .expect("test programs lie in target/<profile>/deps")
        .join("demo");
    let output = Command::new(&demo)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", demo.display()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let equal = said
        .lines()
        .filter(|line| line.trim_start().starts_with("equal"))
        .count();
    assert!(equal >= 15, "only {equal} pairs were compared:\n{said}");
    assert!(said.contains("ST001"), "the refused query is missing:\n{said}");
}
