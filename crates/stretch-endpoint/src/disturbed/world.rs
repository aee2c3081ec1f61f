//! A store with two branches, from which a third one is made.

use super::catalog::{Catalog, DB, GRAND, PARENT, branch_json, bytes, claim_body, key, name, segment_id};
use crate::bodies::{FORMAT, LeaseBody, create_branch, create_database};
use crate::claim::claim;
use crate::collect::write_mark;
use crate::faults::FaultyStore;
use crate::keys::Key;
use crate::store::Endpoint;
use crate::testing::{id, run};
use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Objects on a page of a listing, so that there are several pages.
const PAGE: usize = 2;

/// A database and its endpoint.
pub(super) struct World {
    /// The objects, without faults.
    pub(super) inner: Arc<InMemory>,
    /// On its way to them every request is counted.
    pub(super) store: Arc<FaultyStore>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) catalog: Catalog,
    /// How often a name was made up.
    pub(super) names: u128,
}

impl World {
    fn over(inner: InMemory, catalog: Catalog) -> Self {
        let inner = Arc::new(inner);
        let store = FaultyStore::new(inner.clone());
        store.set_page(PAGE);
        let endpoint = Arc::new(Endpoint::from_store(store.clone(), ""));
        Self {
            inner,
            store,
            endpoint,
            catalog,
            names: 1000,
        }
    }

    /// An endpoint with nothing but the records of the branches.
    pub(super) fn new() -> Self {
        let world = Self::over(InMemory::new(), Catalog::new());
        run(async {
            let endpoint = &world.endpoint;
            create_database(endpoint, &DB, "today").await.expect("a database");
            for (branch, parent) in [(GRAND, None), (PARENT, Some(GRAND))] {
                let body = branch_json(branch, parent);
                create_branch(endpoint, &DB, &body).await.expect("a branch");
                claim(endpoint, &DB, &branch, &claim_body(1)).await.expect("a claim");
                world.beat(branch, 1, 1).await;
            }
        });
        world
    }

    /// The same once more, with requests counted anew.
    pub(super) fn again(&self) -> Self {
        let mut again = Self::over(self.inner.fork(), self.catalog.clone());
        again.names = self.names;
        again
    }

    /// A name that was never used.
    pub(super) fn scratch(&mut self) -> Uuid {
        self.names += 1;
        id(self.names)
    }

    /// A heartbeat.
    pub(super) async fn beat(&self, branch: Uuid, generation: u64, sequence: u64) {
        let body = LeaseBody {
            format: FORMAT,
            generation,
            sequence,
            nonce: claim_body(1).nonce,
            system_identifier: 7,
            database_oid: 8,
            timeline: 1,
            flushed_lsn: 9,
            retention_seconds: Some(3600),
        };
        let key = Key::Lease {
            branch,
            generation,
            sequence,
        };
        let text = serde_json::to_vec(&body).expect("JSON");
        self.put(&key.path(&DB), text.into()).await;
    }

    pub(super) async fn put(&self, key: &str, bytes: Bytes) {
        self.inner.put(&Path::from(key), bytes.into()).await.expect("a put");
    }

    pub(super) async fn delete(&self, key: &str) {
        self.inner.delete(&Path::from(key)).await.expect("a deletion");
    }

    /// The object of a segment, as an upload leaves it.
    pub(super) async fn object(&self, branch: Uuid, segment: u128, attempt: u32) -> String {
        let key = key(branch, segment, attempt);
        self.put(&key, bytes(segment)).await;
        key
    }

    /// Marks the object of a segment.
    pub(super) async fn mark(&self, branch: Uuid, segment: u128) {
        let object = name(segment_id(segment), 1, 0).into();
        let marked = write_mark(&self.endpoint, &DB, &branch, object, 1).await;
        marked.expect("a mark");
    }

    /// A restored database, which has no branch of its own yet. Its segments are in every condition.
    pub(super) fn restored() -> Self {
        let mut world = Self::new();
        let mut catalog = Catalog::new();
        run(async {
            catalog.add(21, Some(world.object(PARENT, 21, 0).await), false);
            catalog.add(22, Some(world.object(PARENT, 22, 0).await), false);
            world.mark(PARENT, 22).await;
            // Never uploaded.
            catalog.add(23, None, true);
            // A later attempt than the catalog knows has replaced it.
            world.object(PARENT, 24, 1).await;
            catalog.add(24, Some(key(PARENT, 24, 0)), false);
            catalog.add(25, Some(world.object(GRAND, 25, 0).await), false);
            // Gone, without and with staged bytes.
            catalog.add(26, Some(key(PARENT, 26, 0)), false);
            catalog.add(27, Some(key(PARENT, 27, 0)), true);
            // Made after the moment to which the database was restored.
            world.object(PARENT, 28, 0).await;
        });
        world.catalog = catalog;
        world.again()
    }
}
