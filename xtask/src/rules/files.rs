//! What every source file keeps to, by its text alone.

use super::tree::{Text, Tree, is_under};

const MAX_LINES: usize = 700;

/// Looks at each file by itself.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in tree.rust() {
        source(file, &mut breaches);
    }
    breaches
}

fn source(file: &Text, breaches: &mut Vec<String>) {
    let (name, text) = (&file.path, &file.text);
    if !text.starts_with("//! ") {
        breaches.push(format!("{name}: does not open with a `//!` sentence"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        breaches.push(format!("{name}: {lines} lines, more than {MAX_LINES}"));
    }
    let bindings = concat!("pg", "_sys");
    if !is_under(name, "crates/pg_stretch") && text.contains(bindings) {
        breaches.push(format!("{name}: names {bindings}; only pg_stretch may"));
    }
    // Values are written and read under one set of settings, which only this file knows.
    let calls = ["Send", "Receive", "Input", "Output"].map(|kind| format!("{kind}{}", concat!("Function", "Call(")));
    if !name.ends_with("pg/type_io.rs") {
        for call in calls.iter().filter(|call| text.contains(call.as_str())) {
            breaches.push(format!(
                "{name}: {call}…) is called outside of pg/type_io.rs, which knows the settings"
            ));
        }
    }
    // A statement `matches!(…);` checks nothing, whatever its author thought.
    let bare = concat!("matches", "!(");
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(bare) && line.ends_with(';') {
            breaches.push(format!("{name}:{}: a bare {bare}…) checks nothing", number + 1));
        }
    }
}

#[cfg(test)]
mod tests;
