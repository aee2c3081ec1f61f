//! Listings: what lies below a folder, in memory as a whole or page by page.

use super::{Endpoint, ObjectInfo};
use crate::errmap::translate;
use crate::error::EndpointError;
use crate::refusal::Operation;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use std::future::ready;

/// Objects that are in memory at a time while a folder is listed page by page, as many as most stores give at once.
const PAGE: usize = 1000;

type Metas = BoxStream<'static, object_store::Result<ObjectMeta>>;

impl Endpoint {
    /// All objects below a folder (`prefix` without its last slash; "" for all of the endpoint), in the order of their
    /// keys.
    ///
    /// # Errors
    /// The store's own.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, EndpointError> {
        self.list_after(prefix, None, usize::MAX).await
    }

    /// Gives `take` all objects below a folder one after the other, in whatever order the store has. A page of them is
    /// in memory, and a folder of `file://` has the time limit of an operation for each page.
    ///
    /// # Errors
    /// The store's own. What was given until then is void.
    pub async fn list_each(&self, prefix: &str, mut take: impl FnMut(ObjectInfo) + Send) -> Result<(), EndpointError> {
        let mut metas = self.bounded(self.metas(prefix, None)).await?;
        loop {
            let page = self.bounded(self.page(&mut metas, prefix, PAGE)).await?;
            let is_last = page.len() < PAGE;
            page.into_iter().filter_map(|meta| self.info(meta)).for_each(&mut take);
            if is_last {
                return Ok(());
            }
        }
    }

    /// The first `limit` objects below a folder whose keys come after `after` (a key, need not exist), in the order
    /// of their keys.
    ///
    /// # Errors
    /// The store's own.
    pub async fn list_after(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectInfo>, EndpointError> {
        self.bounded(async {
            let mut metas = self.metas(prefix, after).await?;
            // A directory is walked in no particular order.
            let wanted = if self.local.is_none() { limit } else { usize::MAX };
            let page = self.page(&mut metas, prefix, wanted).await?;
            let mut found: Vec<ObjectInfo> = page.into_iter().filter_map(|meta| self.info(meta)).collect();
            found.sort_by(|a, b| a.key.cmp(&b.key));
            found.truncate(limit);
            Ok(found)
        })
        .await
    }

    /// Names of the folders directly below a folder (`prefix` as for [`list`](Self::list)), in order.
    ///
    /// # Errors
    /// The store's own.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, EndpointError> {
        self.bounded(async {
            let folder = self.folder(prefix).await?;
            let listed = self
                .store
                .list_with_delimiter(folder.as_ref())
                .await
                .map_err(|error| translate(&error, Operation::List, prefix))?;
            let keys: Vec<String> = listed
                .common_prefixes
                .iter()
                .filter_map(|path| self.relative(path))
                .collect();
            if let Some(local) = &self.local {
                local.check_listed(keys.clone()).await?;
            }
            let name = |key: &String| key.rsplit('/').next().map(str::to_owned);
            let mut names: Vec<String> = keys.iter().filter_map(name).collect();
            names.sort_unstable();
            Ok(names)
        })
        .await
    }

    /// Begins to list a folder.
    async fn metas(&self, prefix: &str, after: Option<&str>) -> Result<Metas, EndpointError> {
        let folder = self.folder(prefix).await?;
        let folder = folder.as_ref();
        let Some(after) = after else {
            return Ok(self.store.list(folder));
        };
        let after = self.path(after)?;
        // Azurite, and who knows who else, begins at the beginning whatever is asked.
        let comes_after = {
            let after = after.clone();
            move |meta: &ObjectMeta| ready(meta.location > after)
        };
        Ok(self
            .store
            .list_with_offset(folder, &after)
            .try_filter(comes_after)
            .boxed())
    }

    /// The next `limit` objects of a listing; fewer where it ends.
    async fn page(&self, metas: &mut Metas, prefix: &str, limit: usize) -> Result<Vec<ObjectMeta>, EndpointError> {
        let page: Result<Vec<ObjectMeta>, _> = metas.take(limit).try_collect().await;
        let page = page.map_err(|error| translate(&error, Operation::List, prefix))?;
        if let Some(local) = &self.local {
            let keys = page.iter().filter_map(|meta| self.relative(&meta.location)).collect();
            local.check_listed(keys).await?;
        }
        Ok(page)
    }

    /// An object of a listing, unless it is none of ours.
    fn info(&self, meta: ObjectMeta) -> Option<ObjectInfo> {
        let key = self.relative(&meta.location)?;
        Some(ObjectInfo::new(key, meta))
    }
}
