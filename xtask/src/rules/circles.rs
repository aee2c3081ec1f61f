//! No files of a crate import each other in a circle: each can be read and tested after those it stands on.

use super::modules::{Modules, Target, crates};
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Whether a child that imports what its parent's file itself defines counts as standing on the parent. It does, and
/// where the parent uses the child the two are a circle.
const CHILDREN_STAND_ON_PARENTS: bool = true;

/// Who imports whom, and which names.
type Graph<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

/// One breach for each group of files that are all in circles with each other.
pub fn check(tree: &Tree) -> Vec<String> {
    let mut breaches = Vec::new();
    for root in crates(tree) {
        let graph = graph(&Modules::read(tree, root));
        breaches.extend(groups(&graph).iter().map(|group| describe(&graph, group, root)));
    }
    breaches
}

fn graph<'a>(modules: &Modules<'a>) -> Graph<'a> {
    let mut graph = Graph::new();
    for (&file, (module, source)) in &modules.files {
        let uses = source.uses.iter().filter_map(|used| {
            let path = modules.absolute(file, &used.here, &used.path)?;
            // A parent that passes its child's name on and does not use it stands on nothing.
            let child = path.starts_with(module) && path.len() > module.len();
            let passed_on = used.public && child && !source.words.contains(&used.name);
            (!passed_on).then_some((path, used.name == "*"))
        });
        let paths = source.paths.iter();
        let paths = paths.filter_map(|p| Some((modules.absolute(file, &p.here, &p.path)?, false)));
        for (path, glob) in uses.chain(paths) {
            let (there, name) = match modules.resolve(&path) {
                Some(Target::Name(there, name)) => (there, name),
                Some(Target::Module(there)) if glob => (there, "*".to_owned()),
                // Only what is used of a module counts, and that is a path of its own.
                _ => continue,
            };
            let parent = modules
                .files
                .get(there)
                .is_some_and(|(m, _)| module.starts_with(m) && m.len() < module.len());
            if there != file && (CHILDREN_STAND_ON_PARENTS || !parent) {
                graph.entry(file).or_default().entry(there).or_default().insert(name);
            }
        }
    }
    graph
}

/// Groups of files of which each reaches each other.
fn groups<'a>(graph: &Graph<'a>) -> Vec<BTreeSet<&'a str>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> = graph.keys().map(|file| (*file, reachable(graph, file))).collect();
    let mut groups: Vec<BTreeSet<&str>> = Vec::new();
    for (file, there) in &reach {
        if there.contains(file) && groups.iter().all(|group| !group.contains(file)) {
            let mutual = there
                .iter()
                .filter(|other| reach.get(*other).is_some_and(|back| back.contains(file)));
            groups.push(mutual.copied().collect());
        }
    }
    groups
}

fn reachable<'a>(graph: &Graph<'a>, from: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(file) = open.pop() {
        for next in graph.get(file).into_iter().flat_map(|next| next.keys()) {
            if found.insert(*next) {
                open.push(next);
            }
        }
    }
    found
}

/// Says how many files of which crate there are and shows short circles until each of them was in one.
fn describe(graph: &Graph<'_>, group: &BTreeSet<&str>, root: &str) -> String {
    let short = |file: &str| file.strip_prefix(root).map_or(file, |rest| &rest[1..]).to_owned();
    let mut text = format!("{root}: circle of {} files", group.len());
    let mut shown = BTreeSet::new();
    for file in group {
        if shown.contains(file) {
            continue;
        }
        let circle = shortest(graph, group, file);
        let mut line = short(file);
        for (from, to) in circle.iter().zip(circle.iter().skip(1)) {
            let names: Vec<&str> = graph[from][to].iter().map(String::as_str).collect();
            line.push_str(&format!(" -> {} ({})", short(to), names.join(", ")));
        }
        text.push_str(&format!("\n      {line}"));
        shown.extend(circle);
    }
    text
}

/// The shortest way from a file back to it; both ends are in it.
fn shortest<'a>(graph: &Graph<'a>, group: &BTreeSet<&'a str>, start: &'a str) -> Vec<&'a str> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for &next in graph.get(file).into_iter().flat_map(|next| next.keys()) {
            if next == start {
                let mut way = vec![start, file];
                while let Some(&before) = way.last().and_then(|last| came_from.get(last)) {
                    way.push(before);
                }
                way.reverse();
                return way;
            }
            if group.contains(next) && !came_from.contains_key(next) {
                came_from.insert(next, file);
                open.push_back(next);
            }
        }
    }
    vec![start]
}

#[cfg(test)]
mod tests;
