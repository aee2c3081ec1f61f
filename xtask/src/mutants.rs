//! `cargo xtask mutants`: plants one bug after the other in a copy of the sources and names the test that catches it.
//!
//! Each patch in `crates/e2e/tests/mutants` opens with what it breaks and, after `Caught by:`, the filter of the tests
//! to run.

use crate::{cargo, prepare, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Mutant {
    name: String,
    patch: PathBuf,
    /// The rule that it breaks, such as `I-3`.
    breaks: String,
    /// Filter of the tests that are to catch it.
    tests: String,
}

/// Runs those whose name contains an argument, or all of them; fails when one survives.
pub fn run(args: &[String]) -> Result<(), String> {
    prepare::all(prepare::Missing::Install)?;
    cargo::build_all()?;
    let mutants: Vec<Mutant> = all()?
        .into_iter()
        .filter(|mutant| args.is_empty() || args.iter().any(|arg| mutant.name.contains(arg.as_str())))
        .collect();
    if mutants.is_empty() {
        return Err("no mutant has such a name".into());
    }
    let place = Place::make()?;
    let mut survivors = Vec::new();
    for mutant in &mutants {
        println!("\n== {}: {}", mutant.name, mutant.breaks);
        place.lay_sources()?;
        place.plant(mutant)?;
        match place.catchers(mutant)? {
            catchers if catchers.is_empty() => {
                println!("SURVIVED the tests `{}`", mutant.tests);
                survivors.push(mutant.name.clone());
            }
            catchers => println!("caught by {}", catchers.join(", ")),
        }
    }
    println!("\n{} mutants, {} survived", mutants.len(), survivors.len());
    if survivors.is_empty() {
        Ok(())
    } else {
        Err(format!("survived: {}", survivors.join(", ")))
    }
}

/// Patches that do not apply to the sources as they are.
pub fn stale() -> Result<Vec<String>, String> {
    let mut stale = Vec::new();
    for mutant in all()? {
        let mut apply = Command::new("git");
        apply.args(["apply", "--unidiff-zero", "--check"]).arg(&mutant.patch);
        if sh::output(apply.current_dir(sh::root())).is_err() {
            stale.push(mutant.name);
        }
    }
    Ok(stale)
}

fn all() -> Result<Vec<Mutant>, String> {
    let dir = sh::root().join("crates/e2e/tests/mutants");
    let mut mutants = Vec::new();
    for entry in fs::read_dir(&dir)
        .map_err(|e| format!("cannot read {}: {e}", dir.display()))?
        .flatten()
    {
        let patch = entry.path();
        if patch.extension().is_none_or(|ending| ending != "patch") {
            continue;
        }
        let text = fs::read_to_string(&patch).map_err(|e| format!("cannot read {}: {e}", patch.display()))?;
        mutants.push(read(&patch, &text)?);
    }
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutants)
}

fn read(patch: &Path, text: &str) -> Result<Mutant, String> {
    let after = |label: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(label))
            .map(|rest| rest.trim().to_owned())
            .ok_or_else(|| format!("{} has no line {label:?}", patch.display()))
    };
    Ok(Mutant {
        name: patch.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        patch: patch.to_path_buf(),
        breaks: after("Breaks:")?,
        tests: after("Caught by:")?,
    })
}

/// A copy of the sources with a target folder of its own, which begins with what is built already.
struct Place {
    tree: PathBuf,
    target: PathBuf,
}

impl Place {
    fn make() -> Result<Self, String> {
        let top = sh::target_dir().join("mutants");
        fs::remove_dir_all(&top).ok();
        let place = Self {
            tree: top.join("tree"),
            target: top.join("target"),
        };
        for dir in [&place.tree, &place.target] {
            fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        }
        // Hard links: dependencies are taken as they are, and cargo writes anew what differs.
        sh::output(
            Command::new("cp")
                .arg("-al")
                .arg(sh::target_dir().join("debug"))
                .arg(&place.target),
        )?;
        for stores in ["venv", "azurite"] {
            std::os::unix::fs::symlink(sh::target_dir().join(stores), place.target.join(stores))
                .map_err(|e| format!("cannot link the test stores: {e}"))?;
        }
        Ok(place)
    }

    /// Puts every file back that differs from the repository's; others keep their times, so that cargo rebuilds little.
    fn lay_sources(&self) -> Result<(), String> {
        let list = sh::output(Command::new("git").arg("ls-files").current_dir(sh::root()))?;
        for name in list.lines() {
            let (from, to) = (sh::root().join(name), self.tree.join(name));
            let Ok(content) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == content) {
                continue;
            }
            let dir = to.parent().unwrap_or(&self.tree);
            fs::create_dir_all(dir)
                .and_then(|()| fs::write(&to, &content))
                .map_err(|e| format!("cannot write {}: {e}", to.display()))?;
        }
        Ok(())
    }

    fn plant(&self, mutant: &Mutant) -> Result<(), String> {
        sh::output(
            Command::new("git")
                .args(["apply", "--unidiff-zero"])
                .arg(&mutant.patch)
                // The copy lies inside the repository and is none of its folders.
                .env("GIT_CEILING_DIRECTORIES", self.tree.parent().unwrap_or(&self.tree))
                .current_dir(&self.tree),
        )
        .map(|_| ())
    }

    /// The tests that failed.
    fn catchers(&self, mutant: &Mutant) -> Result<Vec<String>, String> {
        let cargo = |args: &[&str]| {
            let mut command = Command::new("cargo");
            command
                .args(args)
                .env("CARGO_TARGET_DIR", &self.target)
                .current_dir(&self.tree);
            command
        };
        // A patch that does not compile catches nothing.
        sh::output(&mut cargo(&["xtask", "build"]))?;
        let mut test = cargo(&["xtask", "test"]);
        test.args(mutant.tests.split_whitespace());
        let out = test.output().map_err(|e| format!("cannot run the tests: {e}"))?;
        let text = String::from_utf8_lossy(&out.stdout);
        let errors = String::from_utf8_lossy(&out.stderr);
        let failed: Vec<String> = errors
            .lines()
            .skip_while(|line| !line.starts_with("xtask: failed:"))
            .skip(1)
            .map(|line| line.trim().to_owned())
            .collect();
        if out.status.success() != failed.is_empty() {
            return Err(format!("the tests neither passed nor named a failure:\n{text}{errors}"));
        }
        Ok(failed)
    }
}
