//! Whoever meets a rule's number in a comment finds the rule: in `docs/invariants.md`, and a section in
//! `docs/design.md`.

use super::tokens::{Kind, tokens};
use super::tree::{Text, Tree, is_under};
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = "docs/invariants.md";
const DESIGN: &str = "docs/design.md";
/// Before the number of a section.
const SECTION: &str = "design §";

/// Citations without an entry, and entries that stand there twice.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    let cited = |find: fn(&Text) -> Vec<(usize, String)>| {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for file in tree.files.iter().filter(|file| may_cite(&file.path)) {
            for (line, what) in find(file) {
                places.entry(what).or_default().push(format!("{}:{line}", file.path));
            }
        }
        places
    };
    for (page, cited, entries) in [
        (RULES, cited(rules), headings(tree.text(RULES), "### ", ": ")),
        (DESIGN, cited(sections), headings(tree.text(DESIGN), "## ", ". ")),
    ] {
        if tree.text(page).is_none() {
            breaches.push(format!("{page} is missing; {} numbers of it are cited", cited.len()));
            continue;
        }
        let mut known = BTreeSet::new();
        for entry in entries {
            if !known.insert(entry) {
                breaches.push(format!("{page} has two entries {entry}"));
            }
        }
        for (what, places) in cited.iter().filter(|(what, _)| !known.contains(what.as_str())) {
            breaches.push(format!("{page} has no entry {what}, cited in {}", some(places)));
        }
    }
    breaches
}

fn may_cite(path: &str) -> bool {
    let root_page = !path.contains('/') && path.ends_with(".md");
    root_page || ["crates", "xtask", "docs"].iter().any(|folder| is_under(path, folder))
}

/// The first few, so that a number used everywhere does not fill the screen.
fn some(places: &[String]) -> String {
    let more = if places.len() > 3 { ", …" } else { "" };
    format!("{}{more}", places[..places.len().min(3)].join(", "))
}

/// What stands between `before` and `behind` at the beginning of lines.
fn headings<'a>(page: Option<&'a str>, before: &str, behind: &str) -> Vec<&'a str> {
    let heading = |line: &'a str| Some(line.strip_prefix(before)?.split_once(behind)?.0);
    page.into_iter()
        .flat_map(|page| page.lines().filter_map(heading))
        .collect()
}

/// Numbers such as F and two digits, or I, a hyphen and a digit, that are words of their own.
fn rules(file: &Text) -> Vec<(usize, String)> {
    // A type or variable may have such a name; citations are in comments and strings.
    let code: BTreeSet<(usize, &str)> = match file.path.ends_with(".rs") {
        true => tokens(&file.text)
            .into_iter()
            .filter(|t| t.kind == Kind::Word)
            .map(|t| (t.line, t.text))
            .collect(),
        false => BTreeSet::new(),
    };
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (at, letter) in line.char_indices().filter(|(_, c)| "FCDI".contains(*c)) {
            let rest = &line[at + 1..];
            let digits = match letter {
                'F' => rest,
                _ => rest.strip_prefix('-').unwrap_or(""),
            };
            let count = digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let behind = &digits[count..];
            let begins = !line[..at].ends_with(is_word);
            let ends = !behind.starts_with(is_word) && !goes_on(behind);
            if (1..=3).contains(&count) && begins && ends {
                let what = &line[at..line.len() - behind.len()];
                if !code.contains(&(number + 1, what)) {
                    found.push((number + 1, what.to_owned()));
                }
            }
        }
    }
    found
}

/// A hyphen before or behind a word makes one word of both, as in a UUID or the name of a measure.
fn goes_on(behind: &str) -> bool {
    behind.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Sections of the design by their first number: an entry 10 holds 10.3 too.
fn sections(file: &Text) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (at, _) in line.match_indices(SECTION) {
            let rest = &line[at + SECTION.len()..];
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end > 0 {
                found.push((number + 1, rest[..end].to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
