//! Expressions of licences are read as SPDX means them.

use super::*;

#[test]
fn expressions_are_evaluated() {
    let allowed = ["MIT", "Apache-2.0"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/GPL-3.0", true),
        ("MIT AND GPL-3.0", false),
        ("GPL-3.0 AND MIT OR Apache-2.0", true),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("(MIT OR GPL-3.0) AND BSL-1.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("", false),
        ("(MIT", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn the_list_is_read() {
    let deny = "[bans]\nallow = [\"no\"]\n[licenses]\nallow = [\n  \"MIT\", # \"GPL\"\n  \"ISC\",\n]\n";
    assert_eq!(allowed(deny), Ok(vec!["MIT", "ISC"]));
    assert!(allowed("[licenses]").is_err());
}
