//! Pure crates are given the time and random numbers, so that a test can give them others and see the same again.

use super::terms::PURE;
use super::tokens::{Kind, Token, tokens};
use super::tree::{Text, Tree, is_under};
use std::collections::BTreeSet;

/// Words and paths by which a clock or a source of randomness is reached.
const WORDS: [&str; 8] = [
    "SystemTime",
    "thread_rng",
    "getrandom",
    "OsRng",
    "from_os_rng",
    "from_entropy",
    "new_v4",
    "now_v7",
];
const PATHS: [[&str; 2]; 4] = [["Instant", "now"], ["Utc", "now"], ["Local", "now"], ["rand", ""]];
/// Files that may name one of them all the same, with the reason.
const ALLOWED: [(&str, &str); 0] = [];

/// Looks at all that is compiled into the crates, and not at their tests. Clippy is told the same by a file in each
/// crate.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in PURE {
        let folder = format!("crates/{package}");
        let sources: Vec<&Text> = tree
            .rust()
            .filter(|file| is_under(&file.path, &format!("{folder}/src")))
            .collect();
        let test_files: BTreeSet<String> = sources.iter().flat_map(|file| test_modules(file)).collect();
        let compiled = sources.iter().filter(|file| {
            let is_test = |part: &str| test_files.contains(part.trim_end_matches(".rs"));
            !file.path.split('/').any(is_test) && ALLOWED.iter().all(|(path, _)| *path != file.path)
        });
        for file in compiled {
            let found = clocks(&without_tests(tokens(&file.text)));
            breaches.extend(found.into_iter().map(|(line, what)| {
                format!(
                    "{}:{line}: {what} in a crate that must be given its time and randomness",
                    file.path
                )
            }));
        }
        clippy(tree, &folder, &mut breaches);
    }
    breaches
}

/// All pure crates have the same `clippy.toml`: clippy resolves names, this rule only reads them.
fn clippy(tree: &Tree, folder: &str, breaches: &mut Vec<String>) {
    let path = |folder: &str| format!("{folder}/clippy.toml");
    let first = path(&format!("crates/{}", PURE[0]));
    let (own, model) = (tree.text(&path(folder)), tree.text(&first));
    match own {
        None => breaches.push(format!("{} is missing", path(folder))),
        Some(_) if own != model => breaches.push(format!("{} differs from {first}", path(folder))),
        Some(_) => {}
    }
}

/// Names of modules that are declared for tests only.
fn test_modules(file: &Text) -> Vec<String> {
    let tokens = tokens(&file.text);
    let name = |at: usize| {
        let name = tokens.get(at + 1)?;
        let declared = tokens.get(at + 2)?.is(";");
        declared.then(|| name.text.to_owned())
    };
    (0..tokens.len())
        .filter_map(|at| test_module(&tokens, at).and_then(name))
        .collect()
}

/// Where `mod` stands behind a `#[cfg(test)]` that begins here.
fn test_module(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let begins = MARK
        .iter()
        .enumerate()
        .all(|(i, text)| tokens.get(at + i).is_some_and(|t| t.is(text)));
    let behind = at + MARK.len();
    let next =
        (behind..tokens.len()).find(|i| !["pub", "(", "crate", "super", ")"].iter().any(|v| tokens[*i].is(v)))?;
    (begins && tokens[next].is("mod")).then_some(next)
}

/// Leaves out modules for tests whose text stands in the file.
fn without_tests(tokens: Vec<Token<'_>>) -> Vec<Token<'_>> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some(begin) = test_module(&tokens, at)
            && tokens.get(begin + 2).is_some_and(|t| t.is("{"))
        {
            let mut depth = 0;
            at = begin + 2;
            while let Some(token) = tokens.get(at) {
                depth += i32::from(token.is("{")) - i32::from(token.is("}"));
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            continue;
        }
        kept.push(tokens[at]);
        at += 1;
    }
    kept
}

fn clocks(tokens: &[Token<'_>]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Word) {
        if WORDS.contains(&token.text) {
            found.push((token.line, token.text.to_owned()));
        }
        let second = match tokens.get(at + 1) {
            Some(mark) if mark.is("::") => tokens.get(at + 2).map_or("", |t| t.text),
            _ => continue,
        };
        let named = |[first, name]: &[&str; 2]| token.text == *first && (name.is_empty() || second == *name);
        if PATHS.iter().any(named) {
            found.push((token.line, format!("{}::{second}", token.text)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
