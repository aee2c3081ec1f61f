//! Barman as the page says: its hooks pin each backup and unpin it when it is deleted.

use super::scene::{Scene, comes_back};
use testkit::Endpoint;

#[test]
fn barman_restores_what_it_has() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-barman", &endpoint);
    let shell = scene.shell();
    shell.step("barman-setup");
    shell.step("barman-archive");
    scene.stretch();
    let pins = || scene.db().lines("SELECT label FROM stretch.backup_pins ORDER BY label");

    let at_backup = scene.moment();
    shell.step("barman-backup");
    let pinned = pins();
    assert!(pinned.len() == 1 && pinned[0].starts_with("barman-"), "{pinned:?}");
    scene.go_on();
    let then = scene.moment();
    shell.set("MOMENT", &then.time);
    scene.go_on();
    let last = scene.moment();
    scene.pins_hold();

    shell.place_for_copy(1);
    shell.step("barman-beside");
    shell.at_copy(1);
    let first = comes_back(&shell, &at_backup);
    scene.is_unhurt(&last);
    shell.at_original();
    shell.place_for_copy(2);
    shell.step("barman-beside-to-a-moment");
    shell.at_copy(2);
    comes_back(&shell, &then);
    scene.is_unhurt(&last);
    drop(first);

    // In place, twice.
    for _ in 0..2 {
        shell.at_original();
        shell.step("note-branch");
        shell.step("barman-in-place");
        comes_back(&shell, &then);
        shell.step("drop-branch");
        shell.step("barman-archive");
        scene.await_connected();
    }

    // A backup that cannot be pinned is not made.
    endpoint.take_away();
    shell.refused("barman-backup");
    endpoint.put_back();
    scene.await_connected();

    // The next one takes the place of the first, whose pin is on a branch that was given up.
    let before = scene.moment();
    shell.step("barman-backup");
    shell.step("barman-cron");
    let left = pins();
    assert!(left.len() == 1 && left != pinned, "{left:?}");
    scene.go_on();
    scene.pins_hold();
    shell.place_for_copy(3);
    shell.step("barman-beside");
    shell.at_copy(3);
    comes_back(&shell, &before);
}
