//! The page's dumps: each format, restored beside the original and in its place.

use super::scene::{Scene, comes_back, content, is_whole};
use testkit::Endpoint;

#[test]
fn a_dump_is_restored_in_every_format() {
    let endpoint = Endpoint::new();
    let scene = Scene::on_folder("page-dumps", &endpoint);
    let shell = scene.shell();
    scene.stretch();

    let dump = |label: &str, dump: &dyn Fn() -> String| {
        shell.at_original();
        shell.set("LABEL", label);
        dump();
        let then = scene.moment();
        // What the dump needs leaves the tables, and nothing but its pin keeps it.
        scene.go_on();
        scene.pins_hold();
        shell.step("pins");
        then
    };
    let beside = |name: &'static str, then, restore: &dyn Fn() -> String| {
        shell.at_original();
        let original = scene.moment();
        shell.set("COPY_DATABASE", name);
        restore();
        shell.at_database(name);
        let copy = comes_back(&shell, then);
        scene.is_unhurt(&original);
        copy
    };
    let in_place = |then, restore: &dyn Fn() -> String| {
        shell.at_original();
        shell.step("note-branch");
        restore();
        let back = comes_back(&shell, then);
        shell.step("drop-branch");
        drop(back);
    };

    let plain = dump("plain", &|| shell.step("dump-plain"));
    let custom = dump("custom", &|| shell.step("dump-custom"));
    let directory = dump("directory", &|| shell.step("dump-directory"));
    let tar = dump("tar", &|| shell.step("dump-tar"));

    shell.set("LABEL", "plain");
    drop(beside("plain_copy", &plain, &|| shell.step("dump-plain-beside")));
    shell.set("LABEL", "directory");
    drop(beside("directory_copy", &directory, &|| {
        shell.step("dump-directory-beside")
    }));
    shell.set("LABEL", "tar");
    drop(beside("tar_copy", &tar, &|| shell.step("dump-tar-beside")));
    // The same dump twice: two copies, and all of them go on.
    shell.set("LABEL", "custom");
    let first = beside("custom_copy", &custom, &|| shell.step("dump-custom-beside"));
    let was = content(&first);
    let second = beside("custom_again", &custom, &|| shell.step("dump-custom-beside"));
    scene.go_on();
    assert_eq!(content(&first), was);
    assert_eq!(content(&second), was);
    is_whole(&first);
    is_whole(&second);
    drop((first, second));

    // In place, one after the other, the last one twice.
    shell.set("LABEL", "directory");
    in_place(&directory, &|| shell.step("dump-directory-in-place"));
    shell.set("LABEL", "tar");
    in_place(&tar, &|| shell.step("dump-tar-in-place"));
    shell.set("LABEL", "plain");
    in_place(&plain, &|| shell.step("dump-plain-in-place"));
    shell.set("LABEL", "custom");
    in_place(&custom, &|| shell.step("dump-custom-in-place"));
    in_place(&custom, &|| shell.step("dump-custom-in-place"));

    for label in ["plain", "custom", "directory", "tar"] {
        shell.set("LABEL", label);
        shell.step("dump-delete");
    }
    let pins = "SELECT count(*) FROM stretch.backup_pins";
    assert_eq!(scene.db().int(pins), 0);
}
