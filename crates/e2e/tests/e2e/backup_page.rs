//! The commands of `docs/backup-and-restore.md`, taken out of the page and run: each tool makes its backups of a
//! stretched server whose collector keeps nothing for restores but what is pinned, and restores them beside the
//! original and in its place.

#[path = "backup_page/barman.rs"]
mod barman;
#[path = "backup_page/dumps.rs"]
mod dumps;
#[path = "backup_page/page.rs"]
mod page;
#[path = "backup_page/pgbackrest.rs"]
mod pgbackrest;
#[path = "backup_page/scene.rs"]
mod scene;
#[path = "backup_page/servers.rs"]
mod servers;
#[path = "backup_page/shell.rs"]
mod shell;
#[path = "backup_page/stores.rs"]
mod stores;

use page::Page;
use std::collections::BTreeSet;

/// The sources that run blocks of the page.
const SOURCES: [&str; 6] = [
    include_str!("backup_page/barman.rs"),
    include_str!("backup_page/dumps.rs"),
    include_str!("backup_page/pgbackrest.rs"),
    include_str!("backup_page/scene.rs"),
    include_str!("backup_page/servers.rs"),
    include_str!("backup_page/stores.rs"),
];

/// Names that stand as literals in calls of [`shell::Shell::step`].
fn steps(source: &str) -> impl Iterator<Item = &str> {
    source
        .split(".step(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
}

#[test]
fn every_command_of_the_page_is_run() {
    let page = Page::read();
    let there: BTreeSet<&str> = page.names().collect();
    let run: BTreeSet<&str> = SOURCES.iter().flat_map(|source| steps(source)).collect();
    assert_eq!(there, run, "left: the blocks of the page; right: those that tests run");
}
