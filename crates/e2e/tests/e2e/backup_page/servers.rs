//! The page's copies of whole servers by PostgreSQL's own tools.

use super::scene::{Scene, comes_back, content, is_whole};
use crate::collection::{collect, holds_just, wait_grace};
use testkit::{Client, Endpoint};

/// Without pins of backups, and with all other branches given up, what is left is what the tables need.
fn holds_what_it_needs(endpoint: &Endpoint, db: &Client) {
    // What a branch pins goes after the branch's own objects.
    for _ in 0..4 {
        collect(db);
        wait_grace(db);
    }
    holds_just(endpoint, &[db]);
    is_whole(db);
}

#[test]
fn pg_dumpall_makes_another_server() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-dumpall", &endpoint);
    let shell = scene.shell();
    scene.stretch();
    shell.set("LABEL", "all");
    shell.step("dumpall");
    let then = scene.moment();
    scene.go_on();
    scene.pins_hold();
    let original = scene.moment();
    for copy in [1, 2] {
        shell.place_for_copy(copy);
        shell.step("dumpall-beside");
        shell.at_copy(copy);
        comes_back(&shell, &then);
        scene.is_unhurt(&original);
    }
    shell.at_original();
    shell.step("note-branch");
    shell.step("dumpall-in-place");
    comes_back(&shell, &then);
    shell.step("drop-branch");
}

#[test]
fn a_base_backup_reaches_any_moment() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-base", &endpoint);
    let shell = scene.shell();
    shell.step("archive");
    scene.stretch();
    shell.set("LABEL", "base");
    shell.step("basebackup");
    scene.go_on();
    let then = scene.moment();
    shell.set("MOMENT", &then.time);
    scene.go_on();
    let last = scene.moment();
    scene.pins_hold();
    scene.archive_now();

    // Two copies of one backup, to a moment and to the end, live beside the original.
    shell.place_for_copy(1);
    shell.step("basebackup-beside");
    shell.at_copy(1);
    let first = comes_back(&shell, &then);
    scene.is_unhurt(&last);
    shell.place_for_copy(2);
    shell.step("basebackup-beside-to-the-end");
    shell.at_copy(2);
    let second = comes_back(&shell, &last);
    scene.is_unhurt(&last);
    let were = [content(&first), content(&second)];
    shell.at_original();
    scene.go_on();
    assert_eq!([content(&first), content(&second)], were);
    is_whole(&first);
    is_whole(&second);
    // They are thrown away, and their branches given up.
    drop((first, second));
    for copy in [1, 2] {
        shell.at_copy(copy);
        shell.step("note-branch");
        shell.step("drop-copy");
        shell.at_original();
        shell.step("drop-branch");
    }

    // In place, twice from the same backup.
    for _ in 0..2 {
        shell.at_original();
        shell.step("note-branch");
        scene.archive_now();
        shell.step("basebackup-in-place");
        comes_back(&shell, &then);
        shell.step("drop-branch");
    }

    // The backup was pinned before the restores, on a branch that has been given up since.
    shell.step("basebackup-delete");
    let db = scene.db();
    assert_eq!(db.int("SELECT count(*) FROM stretch.backup_pins"), 0);
    holds_what_it_needs(&endpoint, &db);
}

#[test]
fn a_stopped_server_is_copied() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-stopped", &endpoint);
    let shell = scene.shell();
    scene.stretch();
    let then = scene.moment();
    shell.set("LABEL", "cold");
    shell.step("stopped");
    scene.await_connected();
    scene.go_on();
    scene.pins_hold();
    let original = scene.moment();
    for copy in [1, 2] {
        shell.place_for_copy(copy);
        shell.step("stopped-beside");
        shell.at_copy(copy);
        comes_back(&shell, &then);
        scene.is_unhurt(&original);
        shell.step("note-branch");
        shell.step("drop-copy");
        shell.at_original();
        shell.step("drop-branch");
    }
    shell.step("note-branch");
    shell.step("stopped-in-place");
    comes_back(&shell, &then);
    shell.step("drop-branch");
    shell.step("basebackup-delete");
    holds_what_it_needs(&endpoint, &scene.db());
}
