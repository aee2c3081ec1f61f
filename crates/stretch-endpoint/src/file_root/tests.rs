//! Tests of where a directory may lie, with real links.

use super::*;
use std::os::unix::fs::symlink;

fn kind(result: Result<PathBuf, EndpointError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(EndpointError::Forbidden(text)) if text.contains("not below") => "outside",
        Err(EndpointError::Forbidden(text)) if text.contains("overlaps") => "overlaps",
        Err(EndpointError::Forbidden(_)) => "refused",
        Err(_) => "error",
    }
}

#[test]
fn links_are_resolved_before_anything_is_compared() {
    let base = tempfile::tempdir().expect("a directory");
    let base = std::fs::canonicalize(base.path()).expect("its path");
    for name in ["root/in", "data/base", "elsewhere", "around/data2"] {
        std::fs::create_dir_all(base.join(name)).expect(name);
    }
    symlink(base.join("data"), base.join("root/to-data")).expect("a link");
    symlink(base.join("elsewhere"), base.join("root/out")).expect("a link");
    symlink(base.join("root"), base.join("alias")).expect("a link");
    symlink(base.join("nowhere"), base.join("root/dangling")).expect("a link");
    symlink(base.join("data"), base.join("data-alias")).expect("a link");
    let roots = [base.join("root"), base.join("data")];
    let forbidden = [
        base.join("data-alias"),
        base.join("root/keys"),
        base.join("root/deep/cache"),
    ];
    let check = |path: &str| kind(file_root_check(&base.join(path), &roots, &forbidden));
    assert_eq!(check("root"), "overlaps", "it would contain the keys");
    assert_eq!(check("root/in"), "ok");
    assert_eq!(check("root/in/new/deeper"), "ok");
    assert_eq!(check("alias/in/new"), "ok");
    assert_eq!(check("root/out/x"), "outside");
    assert_eq!(check("elsewhere"), "outside");
    assert_eq!(check("root2"), "outside");
    assert_eq!(check("root/to-data/base"), "overlaps");
    assert_eq!(check("data/base/new"), "overlaps");
    assert_eq!(check("root/keys"), "overlaps");
    assert_eq!(check("root/keys/below"), "overlaps");
    assert_eq!(check("root/deep"), "overlaps", "it would contain the cache");
    assert_eq!(check("root/dangling"), "refused");
    assert_eq!(check("root/dangling/x"), "refused");
    assert_eq!(check("root/../elsewhere"), "refused");
    assert_eq!(kind(file_root_check(Path::new("root"), &roots, &[])), "refused");
    assert_eq!(kind(file_root_check(&base.join("root/in"), &[], &[])), "outside");
    let everywhere = [PathBuf::from("/")];
    assert_eq!(
        kind(file_root_check(&base.join("elsewhere/x"), &everywhere, &forbidden)),
        "ok"
    );
    let resolved = file_root_check(&base.join("alias/in/new"), &roots, &[]);
    assert_eq!(resolved, Ok(base.join("root/in/new")));
}
