//! The table of a part, in Markdown: one line a model.

use super::{Measured, Pair};
use crate::report::median;

impl Pair {
    /// That of the best rounds, and that of the medians.
    fn ratios(&self) -> (f64, f64) {
        let middle = [&self.ours, &self.theirs].map(|series| median(series.0.clone()));
        let [ours, theirs] = middle;
        (self.ours.least() / self.theirs.least(), ours / theirs)
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
            digits = if ours < 100.0 { 2 } else { 0 }
        )
    }
}

impl Measured {
    /// The goals, each with the place of what was measured in the line.
    fn pairs(&self) -> impl Iterator<Item = (String, &Pair, Option<f64>)> {
        let load = ("load".to_owned(), &self.load, Some(self.family.load));
        let runs = self.family.batches.iter().zip(&self.runs);
        let runs = runs.map(|(batch, pair)| (batch.to_string(), pair, self.family.run));
        std::iter::once(load).chain(runs)
    }

    /// What misses its goal by more than the tolerance.
    pub(super) fn missed(&self, tolerance: f64) -> Vec<String> {
        let missed = self
            .pairs()
            .filter(|(_, pair, goal)| goal.is_some_and(|goal| pair.ratios().0 > goal + tolerance));
        missed
            .map(|(what, ..)| format!("{}: {what}", self.name))
            .collect()
    }

    fn line(&self) -> String {
        let cells = self.pairs().map(|(what, pair, goal)| {
            let unit = if what == "load" { 1e3 } else { 1e6 };
            pair.cell(unit, goal)
        });
        let cells: Vec<_> = cells.collect();
        format!("| {} | {} |", self.name, cells.join(" | "))
    }
}

/// Prints the models, and how many of them reach each goal.
pub(super) fn print(part: &str, measured: &[Measured]) {
    let batches = measured.first().map(|model| model.family.batches);
    let heads = batches.unwrap_or_default().iter();
    let heads: Vec<_> = heads.map(|batch| format!("{batch} rows, µs")).collect();
    println!("\n| {part} | load, ms | {} |", heads.join(" | "));
    println!("| --- |{}", " --- |".repeat(heads.len() + 1));
    let mut family = "";
    for model in measured {
        if model.family.name != family {
            family = model.family.name;
            println!(
                "| *{family}*, at most | {:.2} |{}",
                model.family.load,
                goal(model.family.run).repeat(heads.len())
            );
        }
        println!("{}", model.line());
    }
    println!("\n{}", summary(measured));
}

fn goal(run: Option<f64>) -> String {
    run.map_or_else(|| "  |".to_owned(), |run| format!(" {run:.2} |"))
}

/// What no goal is set for counts as reached.
fn summary(measured: &[Measured]) -> String {
    let mut met: Vec<(String, usize)> = Vec::new();
    for (place, (what, pair, goal)) in measured.iter().flat_map(|model| model.pairs().enumerate()) {
        if met.len() <= place {
            met.push((what, 0));
        }
        if let Some((_, count)) = met.get_mut(place) {
            *count += usize::from(goal.is_none_or(|goal| pair.ratios().0 <= goal));
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
    use crate::report::Series;

    #[test]
    fn a_goal_is_met_up_to_itself() {
        let pair = |ours: f64| Pair {
            ours: Series(vec![ours, 5.0, 6.0]),
            theirs: Series(vec![1.0, 5.0, 5.0]),
        };
        assert_eq!(pair(1.0).cell(1.0, Some(1.0)), "1.00 / 1.00: 1.00 (1.00)");
        assert_eq!(
            pair(1.25).cell(1.0, Some(1.0)),
            "1.25 / 1.00: **1.25** (1.00)"
        );
        assert_eq!(pair(1.25).cell(1.0, None), "1.25 / 1.00: 1.25 (1.00)");
    }
}
