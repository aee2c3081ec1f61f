//! pgBackRest as the page says: full, differential and incremental backups, pins that come and go with them, and
//! restores to the end of a backup, a name, a position and a moment.

use super::scene::{Moment, Scene, comes_back};
use super::shell::Shell;
use testkit::Endpoint;

/// The newest backup's label.
fn newest(shell: &Shell<'_>) -> String {
    let info = shell.step("pgbackrest-info");
    let label = info
        .rsplit("\"label\":\"")
        .next()
        .and_then(|rest| rest.split('"').next());
    label.expect("there is a backup").to_owned()
}

#[test]
fn pgbackrest_restores_what_it_has() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-pgbackrest", &endpoint);
    let shell = scene.shell();
    shell.step("stretch-pgbackrest-backup");
    shell.step("stretch-pgbackrest-unpin");
    shell.step("pgbackrest-setup");
    scene.stretch();
    let pins = || scene.db().lines("SELECT label FROM stretch.backup_pins ORDER BY label");

    let at_full = scene.moment();
    shell.step("pgbackrest-full");
    let full = newest(&shell);
    scene.go_on();
    shell.step("pgbackrest-diff");
    let diff = newest(&shell);
    let named = scene.moment();
    shell.step("pgbackrest-restore-point");
    scene.go_on();
    shell.step("pgbackrest-incr");
    let incr = newest(&shell);
    let at_lsn = scene.moment();
    shell.set("LSN", &at_lsn.lsn);
    scene.go_on();
    let then = scene.moment();
    shell.set("MOMENT", &then.time);
    scene.go_on();
    let last = scene.moment();
    scene.pins_hold();
    assert_eq!(pins().len(), 3);
    scene.archive_now();

    let beside = |number: u16, set: &str, expected: &Moment, restore: &dyn Fn() -> String| {
        shell.set("SET", set);
        shell.place_for_copy(number);
        restore();
        shell.at_copy(number);
        comes_back(&shell, expected);
        scene.is_unhurt(&last);
        shell.step("note-branch");
        shell.step("drop-copy");
        shell.at_original();
        shell.step("drop-branch");
    };
    beside(1, &full, &at_full, &|| shell.step("pgbackrest-beside"));
    beside(2, &diff, &named, &|| shell.step("pgbackrest-beside-by-name"));
    beside(3, &incr, &at_lsn, &|| shell.step("pgbackrest-beside-by-lsn"));

    // In place, twice.
    for _ in 0..2 {
        shell.step("note-branch");
        shell.step("pgbackrest-in-place");
        comes_back(&shell, &then);
        shell.step("drop-branch");
    }

    // The next full backup takes the place of all before it, whose pins are on a branch that was given up.
    let before = scene.moment();
    shell.step("pgbackrest-full");
    assert_ne!(newest(&shell), full);
    let left = pins();
    assert_eq!(left.len(), 1, "{left:?}");
    let info = shell.step("pgbackrest-info");
    assert!(info.contains(&left[0]), "{left:?} in {info}");
    scene.go_on();
    scene.pins_hold();
    shell.set("SET", &newest(&shell));
    shell.place_for_copy(4);
    shell.step("pgbackrest-beside");
    shell.at_copy(4);
    comes_back(&shell, &before);
}
