//! The contract that every store has to keep, and what a network in between may do to it: one procedure, run against a
//! folder, both S3 servers and Azurite. `enable_database` and `reauthorize` run the beginning of it.

#[path = "stores/contract.rs"]
mod contract;
#[path = "stores/network.rs"]
mod network;

use contract::{Keys, Place, keeps_the_contract};
use stretch_endpoint::Credential;
use stretch_endpoint::probe::Extent;
use testkit::azurite::azure_url;
use testkit::s3::s3_url;
use testkit::{Azurite, Moto, S3Server, endpoint};

fn s3_credential(secret: &str) -> Credential {
    Credential::new(S3Server::ACCESS_KEY, secret)
}

#[test]
fn a_folder_keeps_the_contract_of_stores() {
    let folder = endpoint::root().join("contract");
    keeps_the_contract(&Place {
        url: Box::new(move |_, _| format!("file://{}", folder.display())),
        address: None,
        keys: None,
        extent: Extent::FULL,
    });
}

#[test]
fn an_orderly_s3_server_keeps_the_contract_of_stores() {
    let server = S3Server::start_orderly();
    keeps_the_contract(&Place {
        url: Box::new(|bucket, address| s3_url(bucket.unwrap_or(S3Server::BUCKET), "contract", address)),
        address: Some(server.address()),
        keys: Some(Keys {
            right: s3_credential(S3Server::SECRET_KEY),
            wrong: vec![
                s3_credential("no-key-of-the-store"),
                Credential::new("AKIAUNKNOWN", "no-key-at-all"),
            ],
        }),
        extent: Extent::FULL,
    });
}

#[test]
fn moto_keeps_the_contract_of_stores() {
    let moto = Moto::start();
    keeps_the_contract(&Place {
        url: Box::new(|bucket, address| s3_url(bucket.unwrap_or(Moto::BUCKET), "contract", address)),
        address: Some(moto.address()),
        // It accepts any.
        keys: Some(Keys {
            right: s3_credential("any"),
            wrong: Vec::new(),
        }),
        extent: Extent::FULL,
    });
}

#[test]
fn azurite_keeps_the_contract_of_stores() {
    let azurite = Azurite::start();
    let sas =
        |permissions, until| Credential::new("SHARED ACCESS SIGNATURE", Azurite::container_sas(permissions, until));
    let url =
        |container: Option<&str>, address| azure_url(container.unwrap_or(Azurite::CONTAINER), "contract", address);
    for (right, extent) in [
        (Credential::new(Azurite::ACCOUNT, Azurite::KEY), Extent::FULL),
        (sas("rwld", "2099-01-01T00:00:00Z"), Extent::SMALL),
    ] {
        keeps_the_contract(&Place {
            url: Box::new(url),
            address: Some(azurite.address()),
            keys: Some(Keys {
                right,
                wrong: vec![
                    Credential::new(Azurite::ACCOUNT, "d3Jvbmc="),
                    sas("rwld", "2020-01-01T00:00:00Z"),
                    sas("", "2099-01-01T00:00:00Z"),
                ],
            }),
            extent,
        });
    }
}
