//! What is a list of sort columns, and what is not.

use super::*;

fn item(column: &str, descending: bool, nulls_first: bool) -> OrderItem {
    OrderItem {
        column: column.into(),
        descending,
        nulls_first,
    }
}

#[test]
fn columns_have_directions_and_places_for_nulls() {
    assert_eq!(
        parse("A, \"B c\"\"d\" desc, e ASC nulls first, f DESC NULLS LAST"),
        Ok(vec![
            item("a", false, false),
            item("B c\"d", true, true),
            item("e", false, true),
            item("f", true, false),
        ])
    );
}

#[test]
fn what_is_no_list_is_named() {
    for (text, place) in [
        ("", ""),
        ("a,,b", "a,,b"),
        ("a, \"b", "a, \"b"),
        ("a upwards", "a upwards"),
        ("a, b NULLS", "b NULLS"),
        ("a DESC NULLS FIRST now", "a DESC NULLS FIRST now"),
    ] {
        assert_eq!(parse(text), Err(Unreadable(place.into())), "{text}");
    }
}

#[test]
fn a_comma_in_a_quoted_name_separates_nothing() {
    assert_eq!(parse("\"a,b\""), Ok(vec![item("a,b", false, false)]));
}

#[test]
fn what_is_written_is_parsed_as_it_was() {
    for text in ["a", "\"B \"\" c\" DESC", "a NULLS FIRST, b DESC NULLS LAST"] {
        let items = parse(text).expect(text);
        let written: Vec<String> = items.iter().map(OrderItem::quoted).collect();
        assert_eq!(parse(&written.join(", ")).expect(text), items);
    }
}
