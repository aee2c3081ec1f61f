//! Chances and row groups of samples.

use super::*;

fn rows(hot: f64, cold: f64, blocks: f64) -> Rows {
    Rows { hot, cold, blocks }
}

#[test]
fn a_small_table_is_sampled_whole() {
    let all = Chances { cold: 1.0, hot: 1.0 };
    assert_eq!(chances(rows(100.0, 200.0, 2.0), 30_000.0, 1e9), all);
    assert_eq!(chances(rows(0.0, 0.0, 0.0), 30_000.0, 1e9), all);
    assert_eq!(chances(rows(0.0, 30_000.0, 0.0), 30_000.0, 1e9), all);
}

#[test]
fn hot_and_cold_rows_have_the_same_chance() {
    for (hot, cold, blocks) in [
        (1e6, 3e6, 1e4),
        (1e8, 1e9, 1e6),
        (1e3, 1e9, 1e6),
        (0.0, 1e9, 0.0),
        (1e9, 10.0, 1e7),
    ] {
        for most in [1e9, 1000.0] {
            let wanted = 30_000.0;
            let chances = chances(rows(hot, cold, blocks), wanted, most);
            let read = if blocks > wanted { wanted / blocks } else { 1.0 };
            assert!(chances.hot <= 1.0 && chances.cold <= 1.0, "{chances:?}");
            assert!((chances.hot * read - chances.cold).abs() < 1e-12, "{chances:?}");
            assert!(chances.cold * (hot + cold) <= wanted * 1.000_001, "{chances:?}");
            assert!(chances.cold * cold <= most * 1.000_001, "{chances:?}");
        }
    }
}

#[test]
fn groups_are_spread_and_each_has_its_turn() {
    assert_eq!(spread(3, 5, 0.5), [0, 1, 2]);
    assert_eq!(spread(0, 5, 0.5), [0; 0]);
    assert_eq!(spread(10, 5, 0.0), [0, 2, 4, 6, 8]);
    assert_eq!(spread(10, 5, 0.999), [1, 3, 5, 7, 9]);
    let (all, some, starts) = (1000, 300, 3000);
    let mut seen = vec![0; all];
    for start in 0..starts {
        let chosen = spread(all, some, f64::from(start) / f64::from(starts));
        assert_eq!(chosen.len(), some);
        assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
        for group in chosen {
            seen[group] += 1;
        }
    }
    let expected = starts * some as i32 / all as i32;
    assert!(seen.iter().all(|times| (times - expected).abs() <= 2), "{seen:?}");
}
