//! The rooms of the extension have an order, and a room imports only itself and rooms below it.

use super::imports::{self, Source};
use super::modules::Modules;
use super::terms::EXTENSION;
use super::tree::Tree;
use std::collections::BTreeSet;

/// From the door to the ground. `start` is a file, the others are folders; ARCHITECTURE.md says what each is for.
pub const ROOMS: [&str; 10] = [
    "start",
    "api",
    "worker",
    "movement",
    "ddl",
    "statements",
    "cold",
    "endpoint",
    "catalog",
    "pg",
];

/// Breaches of the order, files outside of the rooms, and a crate root that does more than list them.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut strangers = BTreeSet::new();
    for (file, (module, source)) in &Modules::read(tree, EXTENSION).files {
        match module.first() {
            None => root(file, source, &mut breaches),
            Some(room) => match place(room) {
                Some(place) => upward(file, place, source, &mut breaches),
                None => {
                    strangers.insert(format!("{EXTENSION}/{room} is no room"));
                }
            },
        }
    }
    breaches.extend(strangers);
    breaches
}

fn place(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

/// `lib.rs` lists the rooms and has nothing of its own that others could import.
fn root(file: &str, source: &Source, breaches: &mut Vec<String>) {
    for used in &source.uses {
        breaches.push(format!("{file}:{}: the root of the crate imports something", used.line));
    }
    for name in &source.defines {
        breaches.push(format!("{file}: the root of the crate defines {name}"));
    }
}

fn upward(file: &str, place_here: usize, source: &Source, breaches: &mut Vec<String>) {
    let uses = source.uses.iter().map(|u| (u.line, &u.here, &u.path));
    let paths = source.paths.iter().map(|p| (p.line, &p.here, &p.path));
    let found: BTreeSet<_> = uses
        .chain(paths)
        .filter_map(|(line, here, path)| Some((line, imports::absolute(here, path)?)))
        .collect();
    for (line, path) in found {
        let here = ROOMS[place_here];
        let import = format!("crate::{}", path.join("::"));
        match path.first().map(|room| place(room)) {
            Some(Some(there)) if there >= place_here => {}
            Some(Some(_)) => breaches.push(format!("{file}:{line}: {here} imports {import}, which lies above it")),
            // The crate itself, as by `use crate::*` or `super` from a room.
            _ => breaches.push(format!("{file}:{line}: {here} imports {import}, which is in no room")),
        }
    }
}

#[cfg(test)]
mod tests;
