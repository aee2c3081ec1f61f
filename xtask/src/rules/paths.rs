//! A path that the documentation names in backticks is one that a reader can open.

use super::rooms::ROOMS;
use super::terms::EXTENSION;
use super::tree::{Tree, is_under};

const PAGES: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];
/// Where a path of the repository begins; others may be of a server or an endpoint. A path that begins with a room is
/// one of the extension's sources.
const BEGINNINGS: [&str; 3] = ["crates/", "docs/", "xtask/"];
/// Decisions are cited by their numbers alone, too.
const DECISIONS: &str = "docs/decisions/";

/// Paths that are not there.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in &tree.files {
        let page = PAGES.contains(&&*file.path) || is_under(&file.path, "docs") && file.path.ends_with(".md");
        if !page {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            // Every second piece stands between backticks.
            for quoted in line.split('`').skip(1).step_by(2) {
                for path in paths(quoted).iter().filter(|path| !is_there(tree, path)) {
                    breaches.push(format!("{}:{}: there is no {path}", file.path, number + 1));
                }
            }
        }
    }
    breaches
}

/// The path that a quotation begins with, once for each alternative in `{a,b}`.
fn paths(quoted: &str) -> Vec<String> {
    let in_room = ROOMS.iter().any(|room| {
        let rest = quoted.strip_prefix(room).and_then(|rest| rest.strip_prefix('/'));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    });
    if in_room {
        return paths(&format!("{EXTENSION}/{quoted}"));
    }
    if BEGINNINGS.iter().all(|beginning| !quoted.starts_with(beginning)) {
        return Vec::new();
    }
    // A line number or the name of something in the file may follow.
    let path = quoted.split([' ', ':']).next().unwrap_or("");
    let Some((before, (list, behind))) = path
        .split_once('{')
        .and_then(|(b, rest)| Some((b, rest.split_once('}')?)))
    else {
        return vec![path.to_owned()];
    };
    list.split(',')
        .map(|one| format!("{before}{}{behind}", one.trim()))
        .collect()
}

fn is_there(tree: &Tree, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let decision = path.starts_with(DECISIONS);
    tree.names().any(|name| {
        name == path || is_under(name, path) || matches(path, name) || decision && name.starts_with(&format!("{path}-"))
    })
}

/// `*` and `…` stand for any characters, also of several folders.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split(['*', '…']);
    let Some(mut rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests;
