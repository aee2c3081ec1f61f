//! A test that a page names to show a rule is one that is there: under its name, in its module.

use super::tree::{Tree, is_under};

/// Items of this page name tests behind this beginning.
const INVARIANTS: (&str, &str) = ("docs/invariants.md", "* Test: ");
/// Tables of these pages name tests anywhere.
const TABLES: [&str; 2] = ["docs/backup-and-restore.md", "docs/running.md"];

/// Names of tests that lead nowhere.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    let rules = items(tree.text(INVARIANTS.0).unwrap_or(""), INVARIANTS.1);
    let tables = TABLES.map(|page| (page, rows(tree.text(page).unwrap_or(""))));
    for (page, lines) in [(INVARIANTS.0, rules)].into_iter().chain(tables) {
        for (number, line) in lines {
            // Every second piece stands between backticks.
            for quoted in line.split('`').skip(1).step_by(2).filter(|quoted| is_path(quoted)) {
                if !is_there(tree, quoted) {
                    breaches.push(format!("{page}:{number}: there is no test {quoted}"));
                }
            }
        }
    }
    breaches
}

/// Lines of items that begin so, each up to the next item or an empty line.
fn items<'a>(text: &'a str, beginning: &str) -> Vec<(usize, &'a str)> {
    let mut inside = false;
    let keep = |(number, line): (usize, &'a str)| {
        if line.starts_with("* ") || line.is_empty() {
            inside = line.starts_with(beginning);
        }
        inside.then_some((number + 1, line))
    };
    text.lines().enumerate().filter_map(keep).collect()
}

fn rows(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line));
    lines.filter(|(_, line)| line.starts_with('|')).collect()
}

/// `module::name`, without what stands for several or for the middle of a name.
fn is_path(quoted: &str) -> bool {
    let is_name = |part: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        !part.is_empty() && part.chars().all(plain)
    };
    quoted.contains("::") && quoted.split("::").all(is_name)
}

/// Whether a file that ends in the path's modules defines the function, or is the last module itself.
fn is_there(tree: &Tree, path: &str) -> bool {
    let parts: Vec<&str> = path.split("::").collect();
    let Some((name, modules)) = parts.split_last() else {
        return false;
    };
    let function = format!("fn {name}(");
    let mut sources = tree.rust().filter(|file| is_under(&file.path, "crates"));
    sources.any(|file| {
        let place = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let ends = |modules: &[&str]| place.ends_with(&format!("/{}", modules.join("/")));
        let inside = ends(modules)
            || modules
                .split_last()
                .is_some_and(|(last, rest)| *last == "tests" && ends(rest));
        ends(&parts) || inside && file.text.contains(&function)
    })
}

#[cfg(test)]
mod tests;
