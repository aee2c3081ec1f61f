//! The modules of a crate: which file each is, and which file defines a name.

use super::imports::{self, Source};
use super::tree::{Tree, is_under};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Re-exports of re-exports end somewhere; a circle of globs would not.
const MAX_HOPS: usize = 8;

/// The files that a crate begins with, below its folder.
const ROOTS: [&str; 2] = ["/lib.rs", "/main.rs"];

/// The folders of all crates: each `src`, and each program of several files below `src/bin`.
pub fn crates(tree: &Tree) -> BTreeSet<&str> {
    let folders = tree
        .rust()
        .filter_map(|file| ROOTS.iter().find_map(|root| file.path.strip_suffix(root)));
    folders
        .filter(|folder| folder.ends_with("/src") || is_program(folder))
        .collect()
}

/// Whether a folder is that of a program of its own, `…/src/bin/<name>`.
fn is_program(folder: &str) -> bool {
    folder
        .rsplit_once('/')
        .is_some_and(|(bin, _)| bin.ends_with("/src/bin"))
}

/// All source files of a crate.
pub struct Modules<'a> {
    /// By path of the file.
    pub files: BTreeMap<&'a str, (Vec<String>, Source)>,
    /// File of each module, also of those within another's file.
    by_module: HashMap<Vec<String>, &'a str>,
}

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A module as a whole.
    Module(&'a str),
    /// A name, with the file that defines it.
    Name(&'a str, String),
}

impl<'a> Modules<'a> {
    /// Reads the sources below a folder such as `crates/a/src`, without those of programs below its `bin`.
    pub fn read(tree: &'a Tree, folder: &str) -> Self {
        let mut modules = Self {
            files: BTreeMap::new(),
            by_module: HashMap::new(),
        };
        let bin = format!("{folder}/bin");
        let sources = tree.rust().filter(|file| is_under(&file.path, folder));
        for file in sources.filter(|file| !is_under(&file.path, &bin)) {
            let module = module_of(&file.path[folder.len() + 1..]);
            let source = imports::read(&file.text, &module);
            for inline in &source.inline {
                modules.by_module.insert(inline.clone(), &file.path);
            }
            modules.by_module.insert(module.clone(), &file.path);
            modules.files.insert(&file.path, (module, source));
        }
        modules
    }

    /// The file of a module.
    pub fn file(&self, module: &[String]) -> Option<&'a str> {
        self.by_module.get(module).copied()
    }

    /// The absolute path of one as written in a module of this file; `None` where it leaves the crate or stays in the
    /// file.
    pub fn absolute(&self, file: &str, here: &[String], path: &[String]) -> Option<Vec<String>> {
        if let Some(path) = imports::absolute(here, path) {
            return Some(path);
        }
        let child = [here, &path[..1]].concat();
        if self.by_module.contains_key(&child) {
            return Some([here, path].concat());
        }
        let (_, source) = self.files.get(file)?;
        // An import inside a function serves the whole file here: two of one name in one file are rare.
        let import = source.uses.iter().find(|u| u.name == path[0] && u.path != path)?;
        let base = imports::absolute(&import.here, &import.path)
            .or_else(|| Some([&import.here[..], &import.path].concat()).filter(|p| self.begins_with_module(p, here)))?;
        Some([&base[..], &path[1..]].concat())
    }

    /// Whether a path relative to `here` begins with a child of it.
    fn begins_with_module(&self, path: &[String], here: &[String]) -> bool {
        path.get(..=here.len())
            .is_some_and(|child| self.by_module.contains_key(child))
    }

    /// Where an absolute path leads; `None` where it leads out of the crate.
    pub fn resolve(&self, path: &[String]) -> Option<Target<'a>> {
        self.hop(path, MAX_HOPS)
    }

    fn hop(&self, path: &[String], hops: usize) -> Option<Target<'a>> {
        let depth = (0..=path.len())
            .rev()
            .find(|n| self.by_module.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(depth);
        let file = self.file(module)?;
        let Some(name) = rest.first() else {
            return Some(Target::Module(file));
        };
        let (_, source) = self.files.get(file)?;
        if hops == 0 || source.defines.contains(name) {
            return Some(Target::Name(file, name.clone()));
        }
        let uses = || source.uses.iter().filter(|u| u.here == module);
        if let Some(import) = uses().find(|u| u.name == *name) {
            let base = self.absolute(file, module, &import.path)?;
            return self.hop(&[&base[..], &rest[1..]].concat(), hops - 1);
        }
        let through_glob = uses().filter(|u| u.name == "*").find_map(|u| {
            let base = self.absolute(file, module, &u.path)?;
            match self.hop(&[&base[..], &rest[..1]].concat(), hops - 1)? {
                Target::Name(there, found) => {
                    let defines = self.files.get(there)?.1.defines.contains(&found);
                    defines.then_some(Target::Name(there, found))
                }
                Target::Module(_) => None,
            }
        });
        Some(through_glob.unwrap_or_else(|| Target::Name(file, name.clone())))
    }
}

/// `a/b.rs` and `a/b/mod.rs` are both `a::b`, `lib.rs` is the crate.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        _ => path.split('/').map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests;
