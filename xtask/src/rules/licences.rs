//! Every dependency has a licence that `deny.toml` allows: what `cargo deny check licenses` asks, without installing
//! it.

use super::terms::Breaches;
use super::tree::Tree;
use crate::{cargo, sh};
use std::collections::BTreeSet;

/// Asks cargo for the licence of each package that is built on this machine.
pub fn check(tree: &Tree) -> Breaches {
    let allowed = allowed(tree.text("deny.toml").ok_or("there is no deny.toml")?)?;
    let list = sh::output(cargo::cargo().args([
        "tree",
        "--locked",
        "--workspace",
        "--all-features",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]))?;
    let packages: BTreeSet<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    let breach = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        let fine = is_allowed(licence, &allowed);
        (!fine).then(|| format!("{package} has the licence {licence:?}, which deny.toml does not allow"))
    };
    Ok(packages.into_iter().filter_map(breach).collect())
}

/// The names in `allow = […]` of the section `[licenses]`.
fn allowed(deny: &str) -> Result<Vec<&str>, String> {
    let section = deny.split_once("[licenses]").map(|(_, rest)| rest);
    let list = section
        .and_then(|rest| rest.split_once("allow = ["))
        .and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.ok_or("deny.toml has no list of allowed licences")?;
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or(""));
    Ok(lines.flat_map(|line| line.split('"').skip(1).step_by(2)).collect())
}

/// Evaluates an SPDX expression; AND binds more tightly than OR.
fn is_allowed(expression: &str, allowed: &[&str]) -> bool {
    // "MIT/Apache-2.0" is the old way to say OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (verdict, rest) = either(&words, allowed);
    verdict && rest.is_empty()
}

/// Each returns its verdict and the words behind.
fn either<'a>(words: &'a [&'a str], allowed: &[&str]) -> (bool, &'a [&'a str]) {
    let (mut verdict, mut rest) = both(words, allowed);
    while let Some((&"OR", behind)) = rest.split_first() {
        let (next, behind) = both(behind, allowed);
        verdict |= next;
        rest = behind;
    }
    (verdict, rest)
}

fn both<'a>(words: &'a [&'a str], allowed: &[&str]) -> (bool, &'a [&'a str]) {
    let (mut verdict, mut rest) = one(words, allowed);
    while let Some((&"AND", behind)) = rest.split_first() {
        let (next, behind) = one(behind, allowed);
        verdict &= next;
        rest = behind;
    }
    (verdict, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &[&str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => match either(inner, allowed) {
            (verdict, [")", rest @ ..]) => (verdict, rest),
            (_, rest) => (false, rest),
        },
        // An exception permits more than the licence alone.
        [licence, "WITH", _, rest @ ..] => (allowed.contains(licence), rest),
        [licence, rest @ ..] => (allowed.contains(licence), rest),
        [] => (false, words),
    }
}

#[cfg(test)]
mod tests;
