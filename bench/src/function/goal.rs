//! What is to be reached, and the lines of the table.

use super::Figures;

/// A line of the table.
pub(crate) struct Goal {
    pub(crate) what: &'static str,
    figure: fn(&Figures) -> f64,
    bound: Bound,
}

enum Bound {
    /// At most this.
    Most(f64),
    /// So many times less than the peer.
    Times(f64),
}

pub(crate) const GOALS: [Goal; 6] = [
    Goal {
        what: "cold start, processor's time to the first answer, iris, ms",
        figure: |figures| figures.cold,
        bound: Bound::Most(15.0),
    },
    Goal {
        what: "1,000 rows of 4 floats in JSON, ms",
        figure: |figures| figures.rows,
        bound: Bound::Most(0.8),
    },
    Goal {
        what: "a picture, 1×3×224×224 floats in JSON, ms",
        figure: |figures| figures.image,
        bound: Bound::Times(30.0),
    },
    Goal {
        what: "memory at the most, iris and 1,000 rows, MB",
        figure: |figures| figures.memory,
        bound: Bound::Most(14.0),
    },
    Goal {
        // With texts and pictures; it was 10 before, and 30 below.
        what: "package, zipped, MB",
        figure: |figures| figures.zipped,
        bound: Bound::Most(12.5),
    },
    Goal {
        what: "package, MB",
        figure: |figures| figures.unzipped,
        bound: Bound::Most(36.0),
    },
];

impl Goal {
    /// The line, and whether the goal is missed by more than the tolerance.
    pub(crate) fn line(&self, figures: &[Figures], tolerance: f64) -> (String, bool) {
        let mut all = figures.iter().map(self.figure);
        let ours = all.next().unwrap_or_default();
        let theirs = all.next();
        let ratio = theirs.map(|theirs| theirs / ours);
        // The goal as a share: 1 is met just so.
        let (share, goal) = match (&self.bound, ratio) {
            (Bound::Most(most), _) => (Some(ours / most), format!("at most {most}")),
            (Bound::Times(times), ratio) => {
                (ratio.map(|ratio| times / ratio), format!("a {times}th"))
            }
        };
        let verdict = match share {
            None => "",
            Some(share) if share <= 1.0 => ", met",
            Some(_) => ", **missed**",
        };
        let number = |number: Option<f64>| number.map(|number| format!("{number:.2}"));
        let [theirs, ratio] = [theirs, ratio].map(|figure| number(figure).unwrap_or_default());
        let line = format!(
            "| {} | {ours:.2} | {theirs} | {ratio} | {goal}{verdict} |",
            self.what
        );
        (line, share.is_some_and(|share| share > 1.0 + tolerance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(place: usize, figures: &[Figures], end: &str, is_missed: bool) {
        let (line, missed) = GOALS[place].line(figures, 0.1);
        assert!(line.ends_with(end), "{line}");
        assert_eq!(missed, is_missed, "{line}");
    }

    #[test]
    fn a_goal_is_a_bound_or_a_share_of_the_peer() {
        let of = |cold: f64, image: f64| Figures {
            cold,
            image,
            ..Figures::default()
        };
        check(0, &[of(15.0, 0.0)], "| at most 15, met |", false);
        check(0, &[of(16.0, 0.0)], "| at most 15, **missed** |", false);
        check(0, &[of(17.0, 0.0)], "| at most 15, **missed** |", true);
        check(
            2,
            &[of(0.0, 1.0), of(0.0, 30.0)],
            "| 30.00 | a 30th, met |",
            false,
        );
        check(
            2,
            &[of(0.0, 1.0), of(0.0, 20.0)],
            "| 20.00 | a 30th, **missed** |",
            true,
        );
        check(2, &[of(0.0, 1.0)], "| a 30th |", false);
    }
}
