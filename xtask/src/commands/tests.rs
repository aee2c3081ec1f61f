//! Help, table and commands say the same.

use super::*;

#[test]
fn the_table_of_contributing_is_current() {
    let path = crate::sh::root().join("CONTRIBUTING.md");
    let there = std::fs::read_to_string(path).expect("read CONTRIBUTING.md");
    let expected = page(&there).expect("a place for the table");
    assert!(there == expected, "CONTRIBUTING.md is stale: run cargo xtask docs");
}

#[test]
fn help_names_every_command_and_fits() {
    let help = help();
    for (usage, _) in COMMANDS {
        assert!(help.contains(&format!("\n  {usage}\n")), "{usage}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= WIDTH), "{help}");
}

/// `help` prints, and all others would run.
#[test]
fn every_command_is_known() {
    let main = include_str!("../main.rs");
    for (usage, _) in COMMANDS {
        let name = usage.split(' ').next().unwrap_or_default();
        assert!(main.contains(&format!("\"{name}\"")), "{name}");
    }
}

#[test]
fn a_page_without_a_place_is_an_error() {
    assert!(page("no table").is_err());
    assert!(page(BEGIN).is_err());
}
