//! Lines are short enough that two versions of a file can be read side by side.

use super::tree::{Text, Tree};

/// The same as `max_width` of rustfmt, which leaves comments and strings alone.
const MAX_RUST: usize = 120;
const MAX_MARKDOWN: usize = 140;
/// Pages that a program writes.
const GENERATED: [&str; 1] = ["docs/errors.md"];

/// Long lines of Rust and of prose.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in &tree.files {
        let skipped = GENERATED.contains(&&*file.path);
        match file.path.rsplit_once('.') {
            _ if skipped => {}
            Some((_, "rs")) => rust(file, &mut breaches),
            Some((_, "md")) => markdown(file, &mut breaches),
            _ => {}
        }
    }
    breaches
}

fn rust(file: &Text, breaches: &mut Vec<String>) {
    for (number, line) in file.text.lines().enumerate() {
        report(file, number, line.chars().count(), MAX_RUST, breaches);
    }
}

/// Tables and code cannot be broken, nor can the target of a link.
fn markdown(file: &Text, breaches: &mut Vec<String>) {
    let mut code = false;
    for (number, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code && !line.starts_with('|') {
            report(file, number, without_targets(line), MAX_MARKDOWN, breaches);
        }
    }
}

/// Columns of a line without the targets of its links.
fn without_targets(line: &str) -> usize {
    let mut columns = line.chars().count();
    for (at, _) in line.match_indices("](") {
        let target = line[at + 2..].split(')').next().unwrap_or("");
        columns -= target.chars().count();
    }
    columns
}

fn report(file: &Text, number: usize, columns: usize, max: usize, breaches: &mut Vec<String>) {
    if columns > max {
        let (path, line) = (&file.path, number + 1);
        breaches.push(format!("{path}:{line}: {columns} columns, more than {max}"));
    }
}

#[cfg(test)]
mod tests;
