//! How many tokens of a text or a pair stay, by the rules of the reference.

use super::document::Strategy;

/// What stays of both texts where `room` tokens are taken; nothing where the one that may be cut is too short.
pub(super) fn kept(
    strategy: Strategy,
    first: usize,
    second: Option<usize>,
    room: usize,
) -> Option<(usize, usize)> {
    let other = second.unwrap_or(0);
    let excess = (first + other).saturating_sub(room);
    if excess == 0 {
        return Some((first, other));
    }
    match (strategy, second) {
        (Strategy::LongestFirst, None) => Some((room, 0)),
        (Strategy::LongestFirst, Some(second)) => Some(balanced(first, second, room)),
        (Strategy::OnlyFirst, _) => (first > excess).then(|| (first - excess, other)),
        (Strategy::OnlySecond, Some(second)) => (second > excess).then(|| (first, second - excess)),
        (Strategy::OnlySecond, None) => None,
    }
}

/// The longer one is cut until both are as long; then each has half, and what is odd is left to the longer one.
fn balanced(first: usize, second: usize, room: usize) -> (usize, usize) {
    let shorter = first.min(second);
    let (shorter, longer) = if 2 * shorter <= room {
        (shorter, room - shorter)
    } else {
        (room / 2, room - room / 2)
    };
    if first > second {
        (longer, shorter)
    } else {
        (shorter, longer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        strategy: Strategy,
        (first, second): (usize, impl Into<Option<usize>>),
        room: usize,
        expected: Option<(usize, usize)>,
    ) {
        assert_eq!(kept(strategy, first, second.into(), room), expected);
    }

    #[test]
    fn what_fits_stays() {
        check(Strategy::LongestFirst, (5, None), 5, Some((5, 0)));
        check(Strategy::OnlyFirst, (5, 4), 9, Some((5, 4)));
        check(Strategy::OnlySecond, (5, None), 5, Some((5, 0)));
    }

    #[test]
    fn the_longer_text_is_cut_first() {
        check(Strategy::LongestFirst, (6, None), 5, Some((5, 0)));
        check(Strategy::LongestFirst, (2, 8), 7, Some((2, 5)));
        check(Strategy::LongestFirst, (8, 2), 7, Some((5, 2)));
        check(Strategy::LongestFirst, (8, 4), 7, Some((4, 3)));
        check(Strategy::LongestFirst, (4, 8), 7, Some((3, 4)));
        check(Strategy::LongestFirst, (8, 8), 7, Some((3, 4)));
        check(Strategy::LongestFirst, (8, 8), 0, Some((0, 0)));
    }

    #[test]
    fn the_text_that_is_cut_keeps_a_token() {
        check(Strategy::OnlyFirst, (6, 4), 5, Some((1, 4)));
        check(Strategy::OnlyFirst, (6, 5), 5, None);
        check(Strategy::OnlySecond, (4, 6), 5, Some((4, 1)));
        check(Strategy::OnlySecond, (5, 6), 5, None);
        check(Strategy::OnlySecond, (6, None), 5, None);
    }
}
