//! What is sealed opens again, only where it belongs, and no bytes make the vault panic.

use super::*;
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x1111);
const OTHER: Uuid = Uuid::from_u128(0x2222);
const LABEL: CredentialLabel<'static> = CredentialLabel {
    master_key: ID,
    name: "cred",
    version: 1,
};

fn master(fill: u8) -> MasterKey {
    MasterKey::new(Zeroizing::new([fill; KEY_LEN]))
}

fn service(first: u8) -> ServiceKey {
    let mut bytes = [7; KEY_LEN];
    bytes[0] = first;
    ServiceKey::from_file_bytes(&bytes).expect("a key")
}

/// Two master keys are the same when one opens what the other sealed.
fn same(a: &MasterKey, b: &MasterKey) -> bool {
    let sealed = seal_credential(a, LABEL, "i", "s", [1; NONCE_LEN]).expect("sealed");
    open_credential(b, LABEL, &sealed).is_ok()
}

/// splitmix64: enough to choose bytes to spoil.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize
    }
}

fn seed() -> Random {
    let seed = match std::env::var("STRETCH_SEED") {
        Ok(text) => text.parse().expect("STRETCH_SEED is a number"),
        // The one random number, which is printed.
        #[allow(clippy::disallowed_methods)]
        Err(_) => getrandom::u64().expect("randomness"),
    };
    println!("STRETCH_SEED={seed}");
    Random(seed)
}

#[test]
fn a_password_opens_what_it_sealed() {
    let sealed = seal_with_password(&master(5), ID, b"right", [1; SALT_LEN], [2; NONCE_LEN]).expect("seal");
    assert_eq!(sealed.len(), 2 + 12 + SALT_LEN + NONCE_LEN + KEY_LEN + 16);
    let opened = open_with_password(&sealed, ID, b"right").expect("open");
    assert!(same(&opened, &master(5)) && !same(&opened, &master(6)));
    let wrong = |id, password: &[u8]| open_with_password(&sealed, id, password).unwrap_err();
    assert_eq!(wrong(ID, b"Right"), VaultError::WrongPassword);
    assert_eq!(wrong(ID, b""), VaultError::WrongPassword);
    assert_eq!(wrong(OTHER, b"right"), VaultError::WrongPassword);
}

#[test]
fn the_parameters_are_recorded_and_bounded() {
    let mut sealed = seal_with_password(&master(5), ID, b"p", [1; SALT_LEN], [2; NONCE_LEN]).expect("seal");
    assert_eq!(
        sealed[2..14],
        [0, 0, 0x4c, 0, 0, 0, 0, 2, 0, 0, 0, 1],
        "19456 KiB, 2 passes, 1 lane"
    );
    // Forged bytes must not make the server take terabytes.
    sealed[2] = 0xff;
    assert_eq!(open_with_password(&sealed, ID, b"p").unwrap_err(), VaultError::Damaged);
    sealed[2..6].copy_from_slice(&1u32.to_be_bytes());
    assert_eq!(open_with_password(&sealed, ID, b"p").unwrap_err(), VaultError::Damaged);
}

#[test]
fn a_service_key_opens_what_it_sealed() {
    let sealed = seal_with_service_key(&master(5), ID, &service(1), [2; NONCE_LEN]).expect("sealed");
    assert!(same(
        &open_with_service_key(&sealed, ID, &service(1)).expect("opened"),
        &master(5)
    ));
    for (id, key) in [(ID, service(2)), (OTHER, service(1))] {
        assert_eq!(
            open_with_service_key(&sealed, id, &key).unwrap_err(),
            VaultError::WrongKey
        );
    }
}

#[test]
fn a_service_key_file_is_exactly_32_filled_bytes() {
    for bytes in [vec![], vec![1; 31], vec![1; 33], vec![0; 32]] {
        assert_eq!(
            ServiceKey::from_file_bytes(&bytes).unwrap_err(),
            VaultError::BadServiceKey
        );
    }
}

#[test]
fn a_credential_opens_only_under_its_label() {
    let sealed = seal_credential(&master(5), LABEL, "AKIA", "geheim ☃", [3; NONCE_LEN]).expect("sealed");
    let opened = open_credential(&master(5), LABEL, &sealed).expect("opened");
    assert_eq!((opened.identity.as_str(), opened.secret.as_str()), ("AKIA", "geheim ☃"));
    let elsewhere = [
        CredentialLabel {
            master_key: OTHER,
            ..LABEL
        },
        CredentialLabel { name: "cre", ..LABEL },
        CredentialLabel { version: 2, ..LABEL },
    ];
    for label in elsewhere {
        assert_eq!(
            open_credential(&master(5), label, &sealed).unwrap_err(),
            VaultError::WrongKey
        );
    }
    assert_eq!(
        open_credential(&master(6), LABEL, &sealed).unwrap_err(),
        VaultError::WrongKey
    );
}

#[test]
fn empty_and_long_values_are_kept() {
    for (identity, secret) in [("", ""), ("", "s"), ("i", ""), ("é", &"x".repeat(100_000))] {
        let sealed = seal_credential(&master(5), LABEL, identity, secret, [3; NONCE_LEN]).expect("sealed");
        let opened = open_credential(&master(5), LABEL, &sealed).expect("opened");
        assert_eq!((opened.identity.as_str(), opened.secret.as_str()), (identity, secret));
    }
}

#[test]
fn nothing_secret_is_shown() {
    let credential = Credential {
        identity: Zeroizing::new("AKIA".into()),
        secret: Zeroizing::new("SECRET".into()),
    };
    let shown = format!("{credential:?} {:?} {:?}", master(5), service(1));
    assert_eq!(shown, "Credential(…) MasterKey(…) ServiceKey(…)");
}

#[test]
fn one_kind_is_never_taken_for_another_and_versions_are_checked() {
    let master = master(5);
    let by_service = seal_with_service_key(&master, ID, &service(1), [2; NONCE_LEN]).expect("sealed");
    let credential = seal_credential(&master, LABEL, "i", "s", [3; NONCE_LEN]).expect("sealed");
    assert_eq!(
        open_with_service_key(&credential, ID, &service(1)).unwrap_err(),
        VaultError::Damaged
    );
    assert_eq!(
        open_with_password(&by_service, ID, b"p").unwrap_err(),
        VaultError::Damaged
    );
    let mut later = by_service;
    later[0] = 2;
    assert_eq!(
        open_with_service_key(&later, ID, &service(1)).unwrap_err(),
        VaultError::UnknownVersion
    );
    assert_eq!(
        open_credential(&master, LABEL, &later).unwrap_err(),
        VaultError::UnknownVersion
    );
}

#[test]
fn every_cut_and_every_flipped_bit_is_noticed() {
    let (master, service) = (master(5), service(1));
    let sealed = seal_with_service_key(&master, ID, &service, [2; NONCE_LEN]).expect("sealed");
    let credential = seal_credential(&master, LABEL, "id", "sec", [3; NONCE_LEN]).expect("sealed");
    for length in 0..sealed.len() {
        assert!(open_with_service_key(&sealed[..length], ID, &service).is_err());
    }
    for length in 0..credential.len() {
        assert!(open_credential(&master, LABEL, &credential[..length]).is_err());
    }
    for bit in 0..sealed.len() * 8 {
        let mut spoiled = sealed.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        assert!(open_with_service_key(&spoiled, ID, &service).is_err());
    }
    for bit in 0..credential.len() * 8 {
        let mut spoiled = credential.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        assert!(open_credential(&master, LABEL, &spoiled).is_err());
    }
}

#[test]
fn any_bytes_give_an_error_never_a_panic() {
    let mut random = seed();
    let (master, service) = (master(5), service(1));
    let mut kinds = [
        seal_with_password(&master, ID, b"p", [1; SALT_LEN], [2; NONCE_LEN]).expect("sealed"),
        seal_with_service_key(&master, ID, &service, [2; NONCE_LEN]).expect("sealed"),
        seal_credential(&master, LABEL, "id", "sec", [3; NONCE_LEN]).expect("sealed"),
    ];
    // Costs small enough to try many forged ones; they are authenticated, so nothing opens.
    kinds[0][2..6].copy_from_slice(&8u32.to_be_bytes());
    let mut authenticated = 0;
    for _ in 0..2000 {
        let mut bytes = kinds[random.next() % 3].clone();
        match random.next() % 3 {
            0 => bytes.truncate(random.next() % bytes.len()),
            1 => bytes.extend((0..random.next() % 40).map(|n| n as u8)),
            _ => {}
        }
        for _ in 0..=random.next() % 3 {
            // The costs stay as they are: a large one would only make the test slow.
            let at = random.next() % bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at).filter(|_| !(2..14).contains(&at)) {
                *byte ^= (1 + random.next() % 255) as u8;
            }
        }
        if kinds.contains(&bytes) {
            continue;
        }
        let outcomes = [
            open_with_password(&bytes, ID, b"p").map(|_| ()),
            open_with_service_key(&bytes, ID, &service).map(|_| ()),
            open_credential(&master, LABEL, &bytes).map(|_| ()),
        ];
        for outcome in outcomes {
            assert!(outcome.is_err());
            authenticated += u32::from(matches!(outcome, Err(VaultError::WrongKey | VaultError::WrongPassword)));
        }
    }
    println!("reached the cipher: {authenticated}");
    assert!(authenticated > 500, "the mutations never reach the cipher");
}
