//! Runs of several requests as one, where requests come at the same time.
//!
//! The first request of a batch waits for those that are being read, for a bounded time, and runs the model for
//! all of them. Nobody waits for requests that have not come. What a request asks for besides its rows, and what is
//! wrong with it, stays its own: where a batch fails, each of its requests runs alone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::RunError;
use crate::tensor::{self, Datatype, Tensor};

/// How large a batch may be, and how long it may be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The most rows of a batch, a power of two: there is a plan for each number of rows, and few are kept.
    pub rows: usize,
    /// The most values in all inputs of a batch.
    pub elements: usize,
    /// The longest wait for requests that are being read.
    pub delay: Duration,
}

/// The batches of one version of a model.
#[derive(Debug)]
pub struct Batcher {
    settings: Settings,
    state: Mutex<State>,
    /// Somebody has come, or has been found not to come.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that are being read.
    coming: usize,
    /// Batches that others may join.
    open: Vec<Batch>,
    /// The name of the next batch.
    next: u64,
    /// Fewer rows than the settings allow, once so many have failed for another reason than a value.
    most: Option<usize>,
}

#[derive(Debug)]
struct Batch {
    name: u64,
    rows_alike: RowsAlike,
    rows: usize,
    /// The most rows that it may have.
    most: usize,
    /// All but the first.
    others: Vec<Other>,
}

/// Of each input, its datatype and the shape of its rows: what requests must have in common.
type RowsAlike = Vec<(Datatype, Vec<usize>)>;

/// A request that has joined a batch.
#[derive(Debug)]
struct Other {
    inputs: Vec<Tensor>,
    answer: SyncSender<Answer>,
}

/// What becomes of a request that has joined a batch.
enum Answer {
    /// Its outputs, and how many requests ran together.
    Outputs(Vec<Tensor>, usize),
    /// The batch has failed, so here are the request's inputs again.
    Alone(Vec<Tensor>),
}

/// A request that is being read.
#[derive(Debug)]
pub struct Coming<'a>(Option<&'a Batcher>);

enum Turn {
    /// There is no batch for so many rows.
    Alone,
    /// The first of the batch of this name.
    First(u64),
    Other(Receiver<Answer>),
}

impl Batcher {
    /// Nothing is open yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// How long a request may take that would take so long alone: a batch has several times its rows, and may have to
    /// be run once more without it.
    pub fn longest(&self, alone: Duration) -> Duration {
        let rows = u32::try_from(self.settings.rows).unwrap_or(u32::MAX);
        let run = alone.saturating_mul(rows.saturating_add(1));
        self.settings.delay.saturating_add(run)
    }

    /// Says that there will be a request, once it is read.
    pub fn coming(&self) -> Coming<'_> {
        self.lock().coming += 1;
        Coming(Some(self))
    }

    /// Runs a model on the inputs of a request, together with those of others where there are any; with the outputs,
    /// how many requests ran together.
    pub fn run(
        &self,
        coming: Coming<'_>,
        inputs: Vec<Tensor>,
        model: impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
    ) -> Result<(Vec<Tensor>, usize), RunError> {
        let alone = |inputs| model(inputs).map(|outputs| (outputs, 1));
        let Some(rows) = tensor::rows(&inputs).filter(|rows| *rows > 0) else {
            drop(coming);
            return alone(inputs);
        };
        let mut inputs = Some(inputs);
        match self.join(coming, rows, &mut inputs) {
            Turn::Alone => alone(inputs.unwrap_or_default()),
            Turn::First(name) => {
                let first = inputs.unwrap_or_default();
                let others = self.wait(name);
                self.lead(
                    Group {
                        first,
                        rows,
                        others,
                    },
                    &model,
                )
            }
            Turn::Other(answer) => match answer.recv() {
                Ok(Answer::Outputs(outputs, requests)) => Ok((outputs, requests)),
                Ok(Answer::Alone(inputs)) => alone(inputs),
                Err(_) => Err(RunError::Panicked),
            },
        }
    }

    /// Joins an open batch with room for these rows, and leaves the inputs there; otherwise opens one.
    fn join(&self, coming: Coming<'_>, rows: usize, inputs: &mut Option<Vec<Tensor>>) -> Turn {
        let given = inputs.as_deref().unwrap_or_default();
        let rows_alike = rows_alike(given);
        let mut state = self.lock();
        coming.has_come(&mut state);
        let most = self.most(&state, rows, given);
        let fits =
            |batch: &&mut Batch| batch.rows_alike == rows_alike && batch.rows + rows <= batch.most;
        let turn = match state.open.iter_mut().find(fits) {
            Some(batch) => {
                let (answer, receiver) = sync_channel(1);
                let inputs = inputs.take().unwrap_or_default();
                batch.rows += rows;
                batch.others.push(Other { inputs, answer });
                Turn::Other(receiver)
            }
            None if rows >= most => Turn::Alone,
            None => {
                let name = state.next;
                state.next += 1;
                state.open.push(Batch {
                    name,
                    rows_alike,
                    rows,
                    most,
                    others: Vec::new(),
                });
                Turn::First(name)
            }
        };
        drop(state);
        self.changed.notify_all();
        turn
    }

    /// The most rows of a batch of such requests: a power of two, for batches are filled up to one.
    fn most(&self, state: &State, rows: usize, inputs: &[Tensor]) -> usize {
        let values: usize = inputs.iter().map(|input| input.values().len()).sum();
        let by_values = self.settings.elements / (values / rows.max(1)).max(1);
        let most = self.settings.rows.min(by_values);
        let most = state.most.map_or(most, |fewer| fewer.min(most));
        most.checked_ilog2().map_or(0, |power| 1 << power)
    }

    /// Waits until a batch is full, nobody is coming, or it is time; then closes it.
    fn wait(&self, name: u64) -> Vec<Other> {
        let opened = Instant::now();
        let mut state = self.lock();
        loop {
            let left = self.settings.delay.saturating_sub(opened.elapsed());
            let Some(place) = state.open.iter().position(|batch| batch.name == name) else {
                return Vec::new();
            };
            let is_full = |batch: &Batch| batch.rows >= batch.most;
            if state.coming == 0 || left.is_zero() || state.open.get(place).is_some_and(is_full) {
                return state.open.swap_remove(place).others;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Runs the model for all requests of a batch.
    fn lead(
        &self,
        group: Group,
        model: &impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
    ) -> Result<(Vec<Tensor>, usize), RunError> {
        if group.others.is_empty() {
            return model(group.first).map(|outputs| (outputs, 1));
        }
        let together = catch_unwind(AssertUnwindSafe(|| group.together(model)));
        let answers = match together {
            Ok(Ok(answers)) => answers,
            Ok(Err(Apart::Unfit)) => return group.apart(model),
            Ok(Err(Apart::Failed { rows })) => {
                // Not to be tried again and again: fewer rows may do.
                let mut state = self.lock();
                let fewer = rows / 2;
                state.most = Some(state.most.map_or(fewer, |most| most.min(fewer)));
                drop(state);
                return group.apart(model);
            }
            Err(_) => return group.apart(model),
        };
        let requests = answers.len();
        let mut answers = answers.into_iter();
        let first = answers.next().unwrap_or_default();
        for (other, outputs) in group.others.into_iter().zip(answers) {
            // Whoever is gone does not want it.
            drop(other.answer.send(Answer::Outputs(outputs, requests)));
        }
        Ok((first, requests))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests that run as one.
struct Group {
    first: Vec<Tensor>,
    /// Of the first.
    rows: usize,
    others: Vec<Other>,
}

/// Why requests cannot run as one.
enum Apart {
    /// A value of one of them does not fit: others may run as one again.
    Unfit,
    /// So many rows are too many, or outputs are no rows.
    Failed { rows: usize },
}

impl Group {
    /// The outputs of each request, from one run on a power of two of rows.
    fn together(
        &self,
        model: &impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
    ) -> Result<Vec<Vec<Tensor>>, Apart> {
        let of_others = self.others.iter().map(|other| tensor::rows(&other.inputs));
        let counts = std::iter::once(Some(self.rows)).chain(of_others);
        let counts: Option<Vec<usize>> = counts.collect();
        let counts = counts.ok_or(Apart::Unfit)?;
        let rows = counts.iter().sum::<usize>().next_power_of_two();
        let stacked = self.first.iter().enumerate().map(|(place, input)| {
            let of_others = self.others.iter().map(|other| other.inputs.get(place));
            let parts = std::iter::once(Some(input)).chain(of_others);
            Tensor::stacked(&parts.collect::<Option<Vec<_>>>()?, rows)
        });
        let stacked: Option<Vec<Tensor>> = stacked.collect();
        let outputs = model(stacked.ok_or(Apart::Unfit)?).map_err(|error| match error {
            RunError::Unfit(_) | RunError::Busy(_) => Apart::Unfit,
            RunError::Shapes(_) | RunError::TooLarge(_) | RunError::Failed(_) => {
                Apart::Failed { rows }
            }
            RunError::Panicked | RunError::Datatype { .. } => Apart::Failed { rows },
        })?;
        let mut answers = vec![Vec::with_capacity(outputs.len()); counts.len()];
        for output in outputs {
            let is_whole = output.rows() == Some(rows);
            let parts = output.split(&counts).filter(|_| is_whole);
            let parts = parts.ok_or(Apart::Failed { rows })?;
            for (answer, part) in answers.iter_mut().zip(parts) {
                answer.push(part);
            }
        }
        Ok(answers)
    }

    /// Each on its own: what is wrong with one is no other one's trouble.
    fn apart(
        self,
        model: &impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>, RunError>,
    ) -> Result<(Vec<Tensor>, usize), RunError> {
        for Other { inputs, answer } in self.others {
            drop(answer.send(Answer::Alone(inputs)));
        }
        model(self.first).map(|outputs| (outputs, 1))
    }
}

fn rows_alike(inputs: &[Tensor]) -> RowsAlike {
    let alike = |input: &Tensor| {
        let row = input.shape().get(1..).unwrap_or_default();
        (input.datatype(), row.to_vec())
    };
    inputs.iter().map(alike).collect()
}

impl Coming<'_> {
    fn has_come(mut self, state: &mut State) {
        if self.0.take().is_some() {
            state.coming = state.coming.saturating_sub(1);
        }
    }
}

/// It will not come: nobody need wait for it any longer.
impl Drop for Coming<'_> {
    fn drop(&mut self) {
        if let Some(batcher) = self.0.take() {
            let mut state = batcher.lock();
            state.coming = state.coming.saturating_sub(1);
            drop(state);
            batcher.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests;
