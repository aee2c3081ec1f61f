//! What one source file names of its own crate: `use` trees and paths inside the code, with the module each stands in.

use super::tokens::{Kind, Token, tokens};
use std::collections::HashSet;

/// A name that a `use` brings into a module.
#[derive(Clone, Debug)]
pub struct Use {
    pub line: usize,
    /// The module it stands in.
    pub here: Vec<String>,
    /// As written, with the braces dissolved; without the `*` of a glob.
    pub path: Vec<String>,
    /// The name inside the module: `*` for a glob, `_` where it gets none.
    pub name: String,
    /// `pub` of any reach.
    pub public: bool,
}

/// A path of at least two parts inside the code.
#[derive(Clone, Debug)]
pub struct Path {
    pub line: usize,
    pub here: Vec<String>,
    pub path: Vec<String>,
}

/// A source file as the rules see it.
#[derive(Default)]
pub struct Source {
    pub uses: Vec<Use>,
    pub paths: Vec<Path>,
    /// Modules that it declares, with a file of their own or within it.
    pub children: Vec<Vec<String>>,
    /// Modules whose text stands within it.
    pub inline: Vec<Vec<String>>,
    /// Names of functions, types, constants and macros that it defines.
    pub defines: HashSet<String>,
    /// All words but those of `use` declarations.
    pub words: HashSet<String>,
}

/// Keywords that a definition's name follows.
const DEFINE: [&str; 9] = [
    "fn", "struct", "enum", "union", "trait", "type", "const", "static", "mut",
];

/// Reads the file of a module; the crate's own module has the empty path.
pub fn read(text: &str, module: &[String]) -> Source {
    let tokens = tokens(text);
    let mut source = Source::default();
    // Inline modules that are open, with the depth of braces inside them.
    let mut open: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let mut here = module.to_vec();
        here.extend(open.iter().map(|(name, _)| name.clone()));
        let follows = |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|t| t.is(text));
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = usize::saturating_sub(depth, 1);
            if open.last().is_some_and(|(_, inside)| *inside > depth) {
                open.pop();
            }
        } else if token.is("mod") && word_at(&tokens, at + 1).is_some() && (follows(2, ";") || follows(2, "{")) {
            let name = tokens[at + 1].text.to_owned();
            here.push(name.clone());
            if follows(2, "{") {
                depth += 1;
                open.push((name, depth));
                source.inline.push(here.clone());
            }
            source.children.push(here);
            at += 3;
            continue;
        } else if token.is("use") && !follows(1, "<") {
            let public = is_public(&tokens[..at]);
            let mut names = Vec::new();
            at = tree(&tokens, at + 1, Vec::new(), &mut names);
            source.uses.extend(names.into_iter().map(|name| Use {
                line: name.line,
                here: here.clone(),
                path: name.path,
                name: name.name,
                public,
            }));
            continue;
        } else if token.kind == Kind::Word {
            at = word(&tokens, at, here, &mut source);
            continue;
        }
        at += 1;
    }
    source
}

/// Notes a word with the path that begins at it; returns what comes behind.
fn word(tokens: &[Token<'_>], mut at: usize, here: Vec<String>, source: &mut Source) -> usize {
    let begin = at;
    if let Some(name) = word_at(tokens, at + 1) {
        let text = tokens[at].text;
        // `static mut` and `const fn`: the name comes one word later, which is read then.
        if DEFINE.contains(&text) && !DEFINE.contains(&name) {
            source.defines.insert(name.to_owned());
        }
    }
    if tokens[at].is("macro_rules")
        && let Some(name) = word_at(tokens, at + 2)
    {
        source.defines.insert(name.to_owned());
    }
    let mut path = vec![tokens[at].text.to_owned()];
    while tokens.get(at + 1).is_some_and(|t| t.is("::"))
        && let Some(next) = word_at(tokens, at + 2)
    {
        path.push(next.to_owned());
        at += 2;
    }
    source.words.insert(path[0].clone());
    let before = |back: usize, text: &str| begin >= back && tokens[begin - back].is(text);
    // `::name` is another crate's, and `pub(in crate::a)` says who may look.
    let visibility = before(1, "in") && before(2, "(") && before(3, "pub");
    if path.len() > 1 && !before(1, "::") && !visibility {
        source.paths.push(Path {
            line: tokens[begin].line,
            here,
            path,
        });
    }
    at + 1
}

fn word_at<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let token = tokens.get(at)?;
    (token.kind == Kind::Word).then_some(token.text)
}

/// Whether `pub` or `pub(…)` stands at the end of these.
fn is_public(before: &[Token<'_>]) -> bool {
    let end = match before.last() {
        Some(token) if token.is(")") => before.iter().rposition(|t| t.is("(")).unwrap_or(0),
        _ => before.len(),
    };
    end > 0 && before[end - 1].is("pub")
}

struct Name {
    line: usize,
    path: Vec<String>,
    name: String,
}

/// Reads one branch of a `use` tree; returns what comes behind it.
fn tree(tokens: &[Token<'_>], mut at: usize, mut path: Vec<String>, names: &mut Vec<Name>) -> usize {
    let line = tokens.get(at).map_or(0, |t| t.line);
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        at += 1;
        if token.is("{") {
            while tokens.get(at).is_some_and(|t| !t.is("}")) {
                at = tree(tokens, at, path.clone(), names);
                if tokens.get(at).is_some_and(|t| t.is(",")) {
                    at += 1;
                }
            }
            return at + 1;
        }
        if token.is("*") {
            name = Some("*".to_owned());
        } else if token.is("as") {
            name = word_at(tokens, at).map(str::to_owned);
            at += 1;
        } else if token.kind == Kind::Word {
            // `a::{self}` is `a`; at the beginning `self` is this module.
            if !token.is("self") || path.is_empty() {
                path.push(token.text.to_owned());
            }
        } else if !token.is("::") {
            // `,`, `;` or `}`, which belongs to the caller.
            at -= 1;
            break;
        }
    }
    if let Some(last) = path.last() {
        let name = name.unwrap_or_else(|| last.clone());
        names.push(Name { line, path, name });
    }
    at
}

/// The absolute path of one that begins with `crate`, `self` or `super`; `None` for all others.
pub fn absolute(here: &[String], path: &[String]) -> Option<Vec<String>> {
    let mut rest = path;
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => here.to_vec(),
        _ => return None,
    };
    while let Some(first) = rest.first() {
        match first.as_str() {
            "super" => {
                base.pop();
            }
            "crate" | "self" => {}
            _ => break,
        }
        rest = &rest[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

#[cfg(test)]
mod tests;
