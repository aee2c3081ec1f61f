//! Copies of errors come back as they were; what is no copy is told apart.

use super::*;
use proptest::prelude::*;

type Copy = ErrorCopy<3, 4>;

fn copy(numbers: [i32; 3], texts: [Option<&[u8]>; 4]) -> Copy {
    Copy {
        numbers,
        texts: texts.map(|text| text.map(<[u8]>::to_vec)),
    }
}

#[test]
fn empty_text_and_no_text_are_two_things() {
    let original = copy([0, i32::MIN, i32::MAX], [None, Some(b""), Some(b"-"), Some(b" ")]);
    assert_eq!(Copy::from_line(&original.to_line()), Some(original));
}

#[test]
fn a_line_is_ascii_without_zero_bytes() {
    let line = copy([1, 2, 3], [Some("grün".as_bytes()), Some(&[0xff, 0xfe]), None, None]).to_line();
    assert!(is_line(line.as_bytes()) && line.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
}

#[test]
fn other_texts_are_no_copies() {
    let line = copy([1, 2, 3], [Some(b"ab"), None, None, None]).to_line();
    let cut = &line[..line.len() - 2];
    for text in [
        "",
        "plpgsql-15",
        cut,
        &format!("{line} -"),
        &line.replace("6162", "616"),
    ] {
        assert_eq!(Copy::from_line(text), None, "{text}");
    }
    assert!(!is_line(b"postgres-15"));
}

proptest! {
    #[test]
    fn copies_come_back(
        numbers in any::<[i32; 3]>(),
        texts in prop::array::uniform4(prop::option::of(prop::collection::vec(any::<u8>(), 0..40))),
    ) {
        let original = Copy { numbers, texts };
        prop_assert_eq!(Copy::from_line(&original.to_line()), Some(original));
    }
}
