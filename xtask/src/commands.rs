//! The commands and what they do, written down once: `cargo xtask` prints them, CONTRIBUTING.md has them as a table.

/// What stands around the table in CONTRIBUTING.md.
const BEGIN: &str = "<!-- The table is written by `cargo xtask docs`. -->\n";
const END: &str = "<!-- End of the table. -->\n";
/// Columns that the help may take.
const WIDTH: usize = 100;

/// A command as it is called, and what it does; each in Markdown.
pub const COMMANDS: [(&str, &str); 13] = [
    (
        "prepare [--no-install]",
        "looks for PostgreSQL 15 with its headers, libclang, xz, pgBackRest, Barman, test servers of S3 and of Azure \
         Blob Storage, two object mappers of Python and PostgreSQL's own regression suite (of Debian's source package, \
         under `target`), and installs what is missing (as root, or by `sudo` without a password); \
         with `--no-install` it only names what is missing, and so do the other commands that have this option",
    ),
    (
        "unit [FILTER]",
        "the tests that need no server, in seconds: of all crates but the extension, \
         the testkit and the end-to-end tests. \
         It installs nothing",
    ),
    (
        "rules [NAME]",
        "the rules of the repository that neither the compiler nor clippy can check, or one of them",
    ),
    (
        "docs [--check]",
        "writes the pages that are made from the code: `docs/errors.md` and this table; \
         with `--check` it only says whether \
         they are up to date",
    ),
    (
        "build [--no-install]",
        "builds everything, in the one profile and set of features that tests, demo and CI share",
    ),
    (
        "test [--no-install] [FILTER]",
        "unit tests, then end-to-end tests against private servers, and the ten slowest at the end",
    ),
    (
        "ci",
        "what a change must pass: format, rules of the repository, lints, tests. `.ci/run` is the same",
    ),
    (
        "mutants [NAME]",
        "plants each bug of `crates/e2e/tests/mutants` in a copy and names the test that catches it; \
         one that survives fails",
    ),
    (
        "torture --minutes N [--seed S]",
        "histories, kills and restores with new seeds until the time is over, and a summary",
    ),
    (
        "bench [--no-install] [unseen] [conflicts] [keys] [hot] [segments] [growth [N]] [home] [cold [N]]",
        "what loading the library costs a server, and what stretching costs, as ratios measured side by side, of an \
        optimized build",
    ),
    (
        "demo [--no-install] [--keep] [--tsql]",
        "the whole story on real data, in a private PostgreSQL",
    ),
    (
        "install [--release] [--pg-config PATH]",
        "puts the extension into an installed PostgreSQL 15",
    ),
    ("help", "prints this list"),
];

/// The list for a terminal.
pub fn help() -> String {
    let mut text = "cargo xtask COMMAND\n".to_owned();
    for (usage, does) in COMMANDS {
        text.push_str(&format!("\n  {usage}"));
        let mut column = usize::MAX;
        for word in does.split_whitespace() {
            if column.saturating_add(word.chars().count()) >= WIDTH {
                text.push_str("\n     ");
                column = 5;
            }
            text.push_str(&format!(" {word}"));
            column += word.chars().count() + 1;
        }
    }
    text + "\n"
}

fn table() -> String {
    let mut text = "| command | what it does |\n|---|---|\n".to_owned();
    for (usage, does) in COMMANDS {
        text.push_str(&format!("| `cargo xtask {usage}` | {does} |\n"));
    }
    text
}

/// The page with the table as it must be.
pub fn page(page: &str) -> Result<String, String> {
    let (before, rest) = page.split_once(BEGIN).ok_or("the page has no place for the table")?;
    let (_, after) = rest.split_once(END).ok_or("the table has no end")?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table()))
}

#[cfg(test)]
mod tests;
