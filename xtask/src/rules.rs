//! Rules of the repository that neither the compiler nor clippy can check: the list of them.

mod circles;
mod dependencies;
mod evidence;
mod externs;
mod files;
mod imports;
mod lengths;
mod licences;
mod modules;
mod numbers;
mod paths;
mod purity;
mod rooms;
mod terms;
mod tokens;
mod tree;

use crate::mutants;
use terms::Breaches;
use tree::Tree;

struct Rule {
    name: &'static str,
    /// What holds where the rule is kept.
    says: &'static str,
    check: fn(&Tree) -> Breaches,
}

const RULES: [Rule; 12] = [
    Rule {
        name: "files",
        says: "each source file says what it is for, is short, and calls only what its place may call",
        check: |tree| Ok(files::check(tree)),
    },
    Rule {
        name: "dependencies",
        says: "PostgreSQL is known to one crate, input and output to none of the pure ones",
        check: |_| dependencies::check(),
    },
    Rule {
        name: "licences",
        says: "every dependency has a licence that deny.toml allows",
        check: licences::check,
    },
    Rule {
        name: "rooms",
        says: "the rooms of the extension import only rooms below them",
        check: |tree| Ok(rooms::check(tree)),
    },
    Rule {
        name: "circles",
        says: "no files of a crate import each other in a circle",
        check: |tree| Ok(circles::check(tree)),
    },
    Rule {
        name: "externs",
        says: "C functions are declared under pg/ only, and each once",
        check: |tree| Ok(externs::check(tree)),
    },
    Rule {
        name: "purity",
        says: "pure crates are given the time and random numbers",
        check: |tree| Ok(purity::check(tree)),
    },
    Rule {
        name: "numbers",
        says: "every rule that is cited by its number is written down in docs/invariants.md, \
            every section in docs/design.md",
        check: |tree| Ok(numbers::check(tree)),
    },
    Rule {
        name: "lengths",
        says: "lines are short enough to be read side by side",
        check: |tree| Ok(lengths::check(tree)),
    },
    Rule {
        name: "paths",
        says: "every path that the documentation names exists",
        check: |tree| Ok(paths::check(tree)),
    },
    Rule {
        name: "evidence",
        says: "every test that docs/invariants.md and docs/backup-and-restore.md name is there",
        check: |tree| Ok(evidence::check(tree)),
    },
    Rule {
        name: "mutants",
        says: "every bug that `cargo xtask mutants` plants can be planted",
        check: |_| mutants::stale(),
    },
];

/// Checks the rules of these names, or all of them, and reports every breach at once.
pub fn check(names: &[String]) -> Result<(), String> {
    if let Some(stranger) = names.iter().find(|name| RULES.iter().all(|rule| rule.name != **name)) {
        let known: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
        return Err(format!("no rule {stranger:?}; there are {}", known.join(", ")));
    }
    let tree = Tree::read()?;
    let mut broken = 0;
    for rule in &RULES {
        if !names.is_empty() && !names.iter().any(|name| name == rule.name) {
            continue;
        }
        let breaches = (rule.check)(&tree)?;
        if !breaches.is_empty() {
            println!("{}: {}\n  {}", rule.name, rule.says, breaches.join("\n  "));
        }
        println!("{}: {} breaches", rule.name, breaches.len());
        broken += breaches.len();
    }
    match broken {
        0 => Ok(()),
        _ => Err(format!("{broken} breaches of the rules above")),
    }
}
