//! What a store must do while the network does what it should.

use super::network;
use bytes::Bytes;
use std::net::SocketAddr;
use std::time::Duration;
use stretch_endpoint::error::ErrorKind;
use stretch_endpoint::probe::{Extent, probe_to};
use stretch_endpoint::{Credential, Endpoint, EndpointError, EndpointUrl, OpenOptions};

/// The URL of an endpoint, for a bucket (or the store's own) and an address.
pub type UrlOf = Box<dyn Fn(Option<&str>, SocketAddr) -> String>;

/// A store and how it is reached.
pub struct Place {
    pub url: UrlOf,
    /// Where it listens; none for a folder.
    pub address: Option<SocketAddr>,
    pub keys: Option<Keys>,
    /// How much of it is tried.
    pub extent: Extent,
}

/// Credentials that a store accepts and refuses.
pub struct Keys {
    pub right: Credential,
    pub wrong: Vec<Credential>,
}

/// A time that every request of a test meets.
pub const PATIENT: Duration = Duration::from_secs(30);

impl Place {
    /// The store behind this address, with these options.
    pub fn open(&self, address: SocketAddr, options: OpenOptions) -> Endpoint {
        self.open_as(None, address, self.keys.as_ref().map(|keys| &keys.right), options)
    }

    fn open_as(
        &self,
        bucket: Option<&str>,
        address: SocketAddr,
        credential: Option<&Credential>,
        options: OpenOptions,
    ) -> Endpoint {
        let url = EndpointUrl::parse(&(self.url)(bucket, address)).expect("a URL");
        Endpoint::open(&url, credential, &options).expect("an endpoint")
    }

    fn honest_address(&self) -> SocketAddr {
        self.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9)))
    }
}

/// Options of a test: no repetitions but those that it is about.
pub fn options(max_retries: usize, request_timeout: Duration) -> OpenOptions {
    OpenOptions {
        request_timeout,
        max_retries,
        allow_http: true,
        ..OpenOptions::default()
    }
}

/// Runs as the extension does: on one thread, with I/O and time.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

/// The contract of one store, all of it.
pub fn keeps_the_contract(place: &Place) {
    let endpoint = place.open(place.honest_address(), options(3, PATIENT));
    let steps = run(probe_to(&endpoint, "contract", place.extent)).unwrap_or_else(|error| panic!("{error}"));
    println!("{steps:?}");
    // What the small probe of enable_database says must agree, a second time in the same folder of probes.
    run(probe_to(&endpoint, "small", Extent::SMALL)).unwrap_or_else(|error| panic!("{error}"));
    ranges(&endpoint);
    assert_eq!(
        run(endpoint.list("probe")),
        Ok(Vec::new()),
        "a probe leaves nothing behind"
    );
    if let (Some(address), Some(keys)) = (place.address, &place.keys) {
        refusals(place, address, keys);
        network::trouble_is_survived(place, address);
    }
}

fn ranges(endpoint: &Endpoint) {
    let body: Bytes = (0..2_000_000_u32).map(|i| (i % 249) as u8).collect();
    let wanted = [
        1_500_000..1_500_010,
        0..3,
        5..5,
        2..900,
        1_999_999..2_000_000,
        700_000..700_001,
    ];
    run(async {
        let key = format!("ranges/{}", uuid::Uuid::from_bytes(rand::random()));
        endpoint.put_new(&key, &body).await.expect("a put");
        assert_eq!(endpoint.get(&key).await.as_ref(), Ok(&body));
        assert_eq!(endpoint.head(&key).await.map(|info| info.size), Ok(2_000_000));
        let parts = endpoint.get_ranges(&key, &wanted).await.expect("ranges");
        for (range, part) in wanted.iter().zip(&parts) {
            assert_eq!(part, &body.slice(range.start as usize..range.end as usize));
        }
        for beyond in [1_999_999..2_000_001, 3_000_000..3_000_001] {
            let result = endpoint.get_ranges(&key, std::slice::from_ref(&beyond)).await;
            let kind = result.expect_err("it is too short").kind();
            assert_eq!(kind, ErrorKind::Corrupt, "{beyond:?}");
        }
        let missing = endpoint
            .get_ranges("ranges/none", std::slice::from_ref(&wanted[1]))
            .await;
        assert_eq!(missing.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    });
}

/// Wrong keys and a wrong bucket, each told apart, and nothing said that must not be.
fn refusals(place: &Place, address: SocketAddr, keys: &Keys) {
    let once = || options(0, PATIENT);
    let body = Bytes::from_static(b"x");
    let harmless = |error: &EndpointError, credential: &Credential| {
        let shown = format!("{error} {error:?} {:?}", error.hint());
        assert!(
            !shown.contains(credential.secret.expose()) && !shown.contains("sig="),
            "{shown}"
        );
        println!("{error}");
    };
    run(async {
        for wrong in &keys.wrong {
            let endpoint = place.open_as(None, address, Some(wrong), once());
            let put = endpoint.put_new("refused", &body).await.expect_err("a wrong key");
            let got = endpoint.get("refused").await.expect_err("a wrong key");
            let listed = endpoint.list("refused").await.expect_err("a wrong key");
            for error in [&put, &got, &listed] {
                assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
                harmless(error, wrong);
            }
        }
        let missing = place.open_as(Some("missing"), address, Some(&keys.right), once());
        for error in [
            missing.put_new("x", &body).await.expect_err("a wrong bucket"),
            missing.list("x").await.expect_err("a wrong bucket"),
        ] {
            harmless(&error, &keys.right);
            // A signature for one container is none for another.
            let scoped = keys.right.identity.contains(' ');
            let expected = if scoped {
                ErrorKind::Refused
            } else {
                ErrorKind::NoSuchBucket
            };
            assert_eq!(error.kind(), expected, "{error}");
        }
    });
}
