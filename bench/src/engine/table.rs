//! The table of a part, in Markdown: one line a model.

use super::{Guest, Measured, Times};
use crate::report::{Series, median};

impl Times {
    /// Ours to theirs.
    fn ratios(&self) -> (f64, f64) {
        ratios(&self.ours, &self.theirs)
    }

    /// `ours / theirs: ratio (ratio of medians)`, a missed goal in bold.
    fn cell(&self, unit: f64, goal: Option<f64>) -> String {
        let [ours, theirs] = [&self.ours, &self.theirs].map(|series| series.least() * unit);
        let (best, middle) = self.ratios();
        let ratio = if goal.is_none_or(|goal| best <= goal) {
            format!("{best:.2}")
        } else {
            format!("**{best:.2}**")
        };
        format!(
            "{ours:.digits$} / {theirs:.digits$}: {ratio} ({middle:.2})",
            digits = digits(ours)
        )
    }

    /// `time: ratio to theirs (ratio of medians)`, or what it does instead.
    fn guest_cell(&self, unit: f64) -> Option<String> {
        self.rten.as_ref().map(|guest| match guest {
            Guest::Out(word, _) => (*word).to_owned(),
            Guest::Timed(series) => {
                let time = series.least() * unit;
                let (best, middle) = ratios(series, &self.theirs);
                format!(
                    "{time:.digits$}: {best:.2} ({middle:.2})",
                    digits = digits(time)
                )
            }
        })
    }
}

/// That of the best rounds, and that of the medians.
fn ratios(one: &Series, other: &Series) -> (f64, f64) {
    let middle = |series: &Series| median(series.0.clone());
    (one.least() / other.least(), middle(one) / middle(other))
}

fn digits(time: f64) -> usize {
    if time < 100.0 { 2 } else { 0 }
}

impl Measured {
    /// The goals, each with the place of what was measured in the line.
    fn times(&self) -> impl Iterator<Item = (String, &Times, Option<f64>)> {
        let load = ("load".to_owned(), &self.load, Some(self.family.load));
        let runs = self.family.batches.iter().zip(&self.runs);
        let runs = runs.map(|(batch, times)| (batch.to_string(), times, self.family.run));
        std::iter::once(load).chain(runs)
    }

    /// What misses its goal by more than the tolerance.
    pub(super) fn missed(&self, tolerance: f64) -> Vec<String> {
        let missed = self.times().filter(|(_, times, goal)| {
            goal.is_some_and(|goal| times.ratios().0 > goal + tolerance)
        });
        missed
            .map(|(what, ..)| format!("{}: {what}", self.name))
            .collect()
    }

    fn line(&self) -> String {
        let cells = self.times().flat_map(|(what, times, goal)| {
            let unit = if what == "load" { 1e3 } else { 1e6 };
            std::iter::once(times.cell(unit, goal)).chain(times.guest_cell(unit))
        });
        row(&self.name, cells)
    }

    /// Where rten has no times, and why: once for all that it does not load.
    fn absences(&self) -> Vec<String> {
        let outs = self.times().filter_map(|(what, times, _)| {
            let Some(Guest::Out(word, reason)) = &times.rten else {
                return None;
            };
            Some((what, format!("{word}: {reason}")))
        });
        let mut outs: Vec<_> = outs.collect();
        outs.dedup_by(|next, first| next.1 == first.1);
        let lines = outs.into_iter();
        lines
            .map(|(what, text)| format!("rten, {}, {what}: {text}", self.name))
            .collect()
    }
}

/// Prints the models, and how many of them reach each goal.
pub(super) fn print(part: &str, measured: &[Measured]) {
    let mut family = "";
    for model in measured {
        if family.is_empty() {
            println!("\n{}", head(part, model));
        }
        if model.family.name != family {
            family = model.family.name;
            println!("{}", goals(model));
        }
        println!("{}", model.line());
    }
    println!("\n{}", summary(measured));
    for absence in measured.iter().flat_map(Measured::absences) {
        println!("\n{absence}");
    }
}

/// All models of a part have the same columns.
fn head(part: &str, model: &Measured) -> String {
    let cells = model.times().flat_map(|(what, times, _)| {
        let unit = if what == "load" {
            "load, ms"
        } else {
            &format!("{what} rows, µs")
        };
        let guest = times.rten.as_ref().map(|_| "rten".to_owned());
        std::iter::once(unit.to_owned()).chain(guest)
    });
    let line = row(part, cells);
    let columns = line.matches(" |").count();
    format!("{line}\n|{}", " --- |".repeat(columns))
}

fn goals(model: &Measured) -> String {
    let cells = model.times().flat_map(|(_, times, goal)| {
        let goal = goal.map(|goal| format!("{goal:.2}")).unwrap_or_default();
        let guest = times.rten.as_ref().map(|_| String::new());
        std::iter::once(goal).chain(guest)
    });
    row(&format!("*{}*, at most", model.family.name), cells)
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = cells.collect();
    format!("| {first} | {} |", cells.join(" | "))
}

/// What no goal is set for counts as reached.
fn summary(measured: &[Measured]) -> String {
    let mut met: Vec<(String, usize)> = Vec::new();
    for (place, (what, times, goal)) in measured.iter().flat_map(|model| model.times().enumerate())
    {
        if met.len() <= place {
            met.push((what, 0));
        }
        if let Some((_, count)) = met.get_mut(place) {
            *count += usize::from(goal.is_none_or(|goal| times.ratios().0 <= goal));
        }
    }
    let met = met.iter().map(|(what, count)| format!("{what} {count}"));
    let met: Vec<_> = met.collect();
    format!(
        "Of {} models, goals reached: {}.",
        measured.len(),
        met.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(ours: f64, rten: Option<Guest>) -> Times {
        Times {
            ours: Series(vec![ours, 5.0, 6.0]),
            theirs: Series(vec![1.0, 5.0, 5.0]),
            rten,
        }
    }

    #[test]
    fn a_goal_is_met_up_to_itself() {
        #[track_caller]
        fn check(ours: f64, goal: Option<f64>, expected: &str) {
            assert_eq!(times(ours, None).cell(1.0, goal), expected);
        }
        check(1.0, Some(1.0), "1.00 / 1.00: 1.00 (1.00)");
        check(1.25, Some(1.0), "1.25 / 1.00: **1.25** (1.00)");
        check(1.25, None, "1.25 / 1.00: 1.25 (1.00)");
    }

    #[test]
    fn a_guest_without_the_answers_has_no_times() {
        #[track_caller]
        fn check(rten: Option<Guest>, expected: Option<&str>) {
            let cell = times(1.0, rten).guest_cell(1e3);
            assert_eq!(cell.as_deref(), expected);
        }
        check(None, None);
        let timed = Guest::Timed(Series(vec![10.0, 0.002, 10.0]));
        check(Some(timed), Some("2.00: 0.00 (2.00)"));
        let out = Guest::Out("differs", "one value".to_owned());
        check(Some(out), Some("differs"));
    }
}
