//! `file://` endpoints that hang, that hold what is no object, or that are not mounted.
// A list of ranges may hold one.
#![allow(clippy::single_range_in_vec_init)]

use super::folder::LocalFolder;
use super::*;
use crate::error::Unreachable;
use crate::faults::{Fault, FaultyStore};
use crate::testing::{run, text};
use object_store::local::LocalFileSystem;
use std::path::Path;
use std::time::{Duration, Instant};

fn open(root: &Path) -> Endpoint {
    let url = EndpointUrl::parse(&format!("file://{}", root.display())).expect("a URL");
    Endpoint::open(&url, None, &OpenOptions::default()).expect("an endpoint")
}

fn fifo(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo").success());
}

#[test]
fn what_is_no_regular_file_is_refused_unopened() {
    let base = tempfile::tempdir().expect("a directory");
    let endpoint = open(base.path());
    std::fs::create_dir(base.path().join("folder")).expect("a directory");
    fifo(&base.path().join("folder/fifo"));
    std::os::unix::net::UnixListener::bind(base.path().join("socket")).expect("a socket");
    run(async {
        endpoint.put_new("folder/object", &text("x")).await.expect("a put");
        for key in ["folder/fifo", "folder", "socket"] {
            let refused = EndpointError::NotAFile { key: key.into() };
            assert_eq!(endpoint.get(key).await, Err(refused.clone()));
            assert_eq!(endpoint.get_ranges(key, &[0..1, 9..10]).await, Err(refused.clone()));
            assert_eq!(endpoint.head(key).await, Err(refused.clone()));
            assert_eq!(endpoint.exists(key).await, Err(refused.clone()));
            assert_eq!(endpoint.put_new(key, &text("x")).await, Err(refused));
        }
        let listed = endpoint.list("").await.expect("a listing");
        let names: Vec<&str> = listed.iter().map(|info| info.key.as_str()).collect();
        assert_eq!(names, ["folder/object"]);
    });
}

#[test]
fn a_folder_that_is_gone_is_neither_made_anew_nor_empty() {
    let base = tempfile::tempdir().expect("a directory");
    let root = base.path().join("mounted/endpoint");
    let endpoint = open(&root);
    run(async {
        endpoint.put_new("a/b", &text("x")).await.expect("a put");
        std::fs::rename(base.path().join("mounted"), base.path().join("elsewhere")).expect("a rename");
        let gone = EndpointError::Unreachable {
            why: Unreachable::FolderMissing,
            reply: Default::default(),
        };
        assert_eq!(
            gone.to_string(),
            "the endpoint cannot be reached: its folder does not exist"
        );
        assert_eq!(endpoint.put_new("a/c", &text("x")).await, Err(gone.clone()));
        assert_eq!(endpoint.get("a/b").await, Err(gone.clone()));
        assert_eq!(endpoint.exists("a/b").await, Err(gone.clone()));
        assert_eq!(endpoint.list("a").await, Err(gone.clone()));
        assert_eq!(endpoint.list("").await, Err(gone));
        assert!(!base.path().join("mounted").exists());
        std::fs::rename(base.path().join("elsewhere"), base.path().join("mounted")).expect("a rename");
        assert_eq!(endpoint.get("a/b").await, Ok(text("x")));
    });
}

#[test]
fn every_operation_ends_in_time() {
    let base = tempfile::tempdir().expect("a directory");
    let store = FaultyStore::in_memory();
    store.plan(Fault::Hang, "k", usize::MAX);
    let endpoint = Endpoint {
        store: store.clone(),
        prefix: String::new(),
        storage_class: None,
        local: Some(LocalFolder::new(base.path().into(), Duration::from_millis(20))),
    };
    run(async {
        hangs(&store, async || endpoint.get("k").await.map(drop)).await;
        hangs(&store, async || endpoint.get_ranges("k", &[0..1]).await.map(drop)).await;
        hangs(&store, async || endpoint.head("k").await.map(drop)).await;
        hangs(&store, async || endpoint.exists("k").await.map(drop)).await;
        hangs(&store, async || endpoint.put_new("k", &text("x")).await.map(drop)).await;
        hangs(&store, async || endpoint.list("k").await.map(drop)).await;
    });
}

/// The operation ends although the store hangs. On a busy machine the time may be over before the store is asked, which
/// says nothing: then it runs again.
async fn hangs(store: &FaultyStore, operation: impl AsyncFn() -> Result<(), EndpointError>) {
    let before = store.hits();
    while store.hits() == before {
        assert_eq!(operation().await, Err(EndpointError::timeout()));
    }
}

/// The check looks at one folder and the store at another, where a FIFO stands for a file on a share that hangs.
#[test]
fn threads_that_hang_do_not_block_later_reads() {
    let (checked, hung) = (tempfile::tempdir(), tempfile::tempdir());
    let (checked, hung) = (checked.expect("a directory"), hung.expect("a directory"));
    fifo(&hung.path().join("stuck"));
    std::fs::write(hung.path().join("good"), "fine").expect("a file");
    let store = LocalFileSystem::new_with_prefix(hung.path()).expect("a store");
    let endpoint = Endpoint {
        store: Arc::new(store),
        prefix: String::new(),
        storage_class: None,
        local: Some(LocalFolder::new(checked.path().into(), Duration::from_millis(200))),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now();
        let reads = futures::future::join_all((0..10).map(|_| endpoint.get("stuck"))).await;
        assert!(reads.iter().all(|read| *read == Err(EndpointError::timeout())));
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(endpoint.get("good").await, Ok(text("fine")));
    });
    runtime.shutdown_background();
}

/// The extension runs them on another thread than the one that made them.
#[test]
fn operations_can_be_sent_between_threads() {
    fn sent<T>(_: impl Future<Output = T> + Send + 'static) {}
    let endpoint = Endpoint::from_store(FaultyStore::in_memory(), "");
    let e = endpoint.clone();
    sent(async move { e.get_ranges("k", &[0..1, 5..6]).await });
    let e = endpoint.clone();
    sent(async move { e.list_after("k", Some("l"), 3).await });
    sent(async move { endpoint.put_new("k", &Bytes::new()).await });
}
