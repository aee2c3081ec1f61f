//! Two of the page's ways on other stores than a folder.

use super::scene::{Scene, comes_back};
use crate::store_story::Store;
use testkit::{Azurite, Moto, S3Server};

/// A dump and a base backup, each restored beside the original.
fn dump_and_base_backup(name: &str, store: Store) {
    let scene = Scene::new(name, store);
    let shell = scene.shell();
    shell.step("archive");
    scene.stretch();
    shell.set("LABEL", "dump");
    shell.step("dump-custom");
    let dumped = scene.moment();
    shell.set("LABEL", "base");
    shell.step("basebackup");
    scene.go_on();
    let then = scene.moment();
    shell.set("MOMENT", &then.time);
    scene.go_on();
    let last = scene.moment();
    scene.pins_hold();
    scene.archive_now();

    shell.set("LABEL", "dump");
    shell.set("COPY_DATABASE", "dumped");
    shell.step("dump-custom-beside");
    shell.at_database("dumped");
    comes_back(&shell, &dumped);
    scene.is_unhurt(&last);

    shell.set("LABEL", "base");
    shell.place_for_copy(1);
    shell.step("basebackup-beside");
    shell.at_copy(1);
    comes_back(&shell, &then);
    scene.is_unhurt(&last);
    scene.go_on();
}

#[test]
fn dump_and_base_backup_on_s3() {
    let moto = Moto::start();
    let store = Store {
        url: moto.url("page"),
        identity: S3Server::ACCESS_KEY.into(),
        secret: S3Server::SECRET_KEY.into(),
    };
    dump_and_base_backup("page-s3", store);
}

#[test]
fn dump_and_base_backup_on_azure() {
    let azurite = Azurite::start();
    let store = Store {
        url: azurite.url("page"),
        identity: Azurite::ACCOUNT.into(),
        secret: Azurite::KEY.into(),
    };
    dump_and_base_backup("page-azure", store);
}
