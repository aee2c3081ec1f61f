//! C functions and variables are declared where PostgreSQL is made safe, and each once: a new release changes one
//! place.

use super::terms::EXTENSION;
use super::tokens::{Kind, Token, tokens};
use super::tree::{Tree, is_under};
use std::collections::BTreeMap;

/// Blocks outside of `pg/`, and names that are declared twice.
pub fn check(tree: &Tree) -> Vec<String> {
    let home = format!("{EXTENSION}/pg");
    let mut breaches = Vec::new();
    let mut declared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in tree.rust().filter(|file| is_under(&file.path, "crates")) {
        let tokens = tokens(&file.text);
        for at in blocks(&tokens) {
            if !is_under(&file.path, &home) {
                let line = tokens[at].line;
                breaches.push(format!("{}:{line}: an extern block outside of {home}", file.path));
            }
            for (name, line) in names(&tokens[at..]) {
                let place = format!("{}:{line}", file.path);
                declared.entry(name).or_default().push(place);
            }
        }
    }
    for (name, places) in declared.iter().filter(|(_, places)| places.len() > 1) {
        breaches.push(format!(
            "{name} is declared {} times: {}",
            places.len(),
            places.join(", ")
        ));
    }
    breaches
}

/// Where `{` of each block is; functions of ours with a C interface have a name before theirs.
fn blocks(tokens: &[Token<'_>]) -> Vec<usize> {
    let is_block = |at: &usize| {
        let back = |n: usize| at.checked_sub(n).map(|i| tokens[i]);
        let abi = back(1).is_some_and(|t| t.kind == Kind::String) && back(2).is_some_and(|t| t.is("extern"));
        tokens[*at].is("{") && (abi || back(1).is_some_and(|t| t.is("extern")))
    };
    (0..tokens.len()).filter(is_block).collect()
}

/// The C names of a block's declarations: what `link_name` says, or else their own.
fn names(block: &[Token<'_>]) -> Vec<(String, usize)> {
    let mut names = Vec::new();
    let mut linked = None;
    let mut depth = 0;
    for (at, token) in block.iter().enumerate() {
        let next = |n: usize| block.get(at + n).copied();
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth -= 1;
            if depth == 0 {
                break;
            }
        } else if token.is("link_name") {
            linked = next(2).filter(|t| t.kind == Kind::String);
        } else if token.is("fn") || token.is("static") {
            let own = next(1).filter(|t| !t.is("mut")).or_else(|| next(2));
            // The type of a pointer to a function has no name.
            if let Some(own) = own.filter(|t| t.kind == Kind::Word) {
                let name = linked.take().unwrap_or(own);
                names.push((name.text.to_owned(), own.line));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests;
