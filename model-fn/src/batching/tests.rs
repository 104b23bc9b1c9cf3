use super::*;
use crate::tensor::Values;

/// Nobody waits so long: a test that needs it fails.
const LONG: Duration = Duration::from_secs(60);

fn batcher(rows: usize, delay: Duration) -> Batcher {
    Batcher::new(Settings {
        rows,
        elements: 1000,
        delay,
    })
}

/// Rows of one value each.
fn input(values: &[i64]) -> Vec<Tensor> {
    let tensor = Tensor::new(vec![values.len(), 1], Values::Int64(values.to_vec()));
    vec![tensor.unwrap()]
}

/// What a model answers to the values that it is run on.
type Answering = dyn Fn(&[i64]) -> Result<Vec<Tensor>, RunError> + Sync;

/// What a model was run on, and what it answered.
struct Model<'a> {
    runs: Mutex<Vec<Vec<i64>>>,
    answer: &'a Answering,
}

impl<'a> Model<'a> {
    fn new(answer: &'a Answering) -> Self {
        Self {
            runs: Mutex::default(),
            answer,
        }
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, RunError> {
        let [input] = inputs.as_slice() else {
            panic!("one input")
        };
        let Values::Int64(values) = input.values() else {
            panic!("integers")
        };
        self.runs.lock().unwrap().push(values.clone());
        (self.answer)(values)
    }

    fn runs(self) -> Vec<Vec<i64>> {
        self.runs.into_inner().unwrap()
    }
}

fn doubled(values: &[i64]) -> Result<Vec<Tensor>, RunError> {
    let doubled: Vec<i64> = values.iter().map(|value| 2 * value).collect();
    Ok(input(&doubled))
}

/// Asks for all of these at once, in this order, and gives the answers in this order.
fn ask(
    batcher: &Batcher,
    model: &Model<'_>,
    requests: &[&[i64]],
) -> Vec<Result<(Vec<Tensor>, usize), RunError>> {
    // All are coming before the first has come, so that it waits for the others.
    let coming: Vec<_> = requests.iter().map(|_| batcher.coming()).collect();
    std::thread::scope(|scope| {
        let mut answers = Vec::new();
        for (index, (coming, values)) in coming.into_iter().zip(requests).enumerate() {
            let answer =
                scope.spawn(|| batcher.run(coming, input(values), |inputs| model.run(inputs)));
            answers.push(answer);
            let has_come = || batcher.lock().coming == requests.len() - index - 1;
            while !has_come() && !answers.iter().all(|answer| answer.is_finished()) {
                std::thread::yield_now();
            }
        }
        let answers = answers.into_iter();
        answers.map(|answer| answer.join().unwrap()).collect()
    })
}

fn good(answers: Vec<Result<(Vec<Tensor>, usize), RunError>>) -> Vec<(Vec<Tensor>, usize)> {
    answers.into_iter().map(Result::unwrap).collect()
}

#[test]
fn requests_that_are_coming_run_together_and_each_gets_its_own() {
    let model = Model::new(&doubled);
    let answers = good(ask(&batcher(8, LONG), &model, &[&[1], &[2, 3], &[4]]));
    let expected = [(input(&[2]), 3), (input(&[4, 6]), 3), (input(&[8]), 3)];
    assert_eq!(answers, expected);
    assert_eq!(model.runs(), [[1, 2, 3, 4]]);
}

#[test]
fn a_batch_has_a_power_of_two_of_rows() {
    let model = Model::new(&doubled);
    let answers = good(ask(&batcher(8, LONG), &model, &[&[1, 2], &[3, 4, 5]]));
    assert_eq!(answers[1].0, input(&[6, 8, 10]));
    assert_eq!(model.runs(), [[1, 2, 3, 4, 5, 5, 5, 5]]);
}

#[test]
fn a_full_batch_waits_for_nobody() {
    let model = Model::new(&doubled);
    let batcher = batcher(4, LONG);
    let never = batcher.coming();
    let answers = good(ask(&batcher, &model, &[&[1, 2, 3, 4]]));
    assert_eq!(answers, [(input(&[2, 4, 6, 8]), 1)]);
    drop(never);
    let answers = good(ask(&batcher, &model, &[&[1], &[2, 3, 4], &[4]]));
    assert_eq!(answers[2], (input(&[8]), 1));
    let mut runs = model.runs();
    runs.sort();
    assert_eq!(runs, [vec![1, 2, 3, 4], vec![1, 2, 3, 4], vec![4]]);
}

#[test]
fn whoever_is_alone_does_not_wait() {
    let model = Model::new(&doubled);
    let answers = good(ask(&batcher(8, LONG), &model, &[&[1]]));
    assert_eq!(answers, [(input(&[2]), 1)]);
}

#[test]
fn a_request_that_is_refused_is_not_waited_for() {
    let model = Model::new(&doubled);
    let batcher = batcher(8, LONG);
    let refused = batcher.coming();
    std::thread::scope(|scope| {
        let coming = batcher.coming();
        let first = scope.spawn(|| batcher.run(coming, input(&[1]), |inputs| model.run(inputs)));
        while batcher.lock().open.is_empty() {
            std::thread::yield_now();
        }
        drop(refused);
        assert_eq!(first.join().unwrap().unwrap().0, input(&[2]));
    });
}

#[test]
fn nobody_is_waited_for_longer_than_the_delay() {
    let model = Model::new(&doubled);
    let batcher = batcher(8, Duration::from_millis(20));
    let _late = batcher.coming();
    let started = Instant::now();
    let coming = batcher.coming();
    let answer = batcher.run(coming, input(&[1]), |inputs| model.run(inputs));
    assert_eq!(answer.unwrap().0, input(&[2]));
    assert!(started.elapsed() >= Duration::from_millis(20));
}

#[test]
fn rows_of_other_shapes_run_apart() {
    let batcher = batcher(8, LONG);
    let wide = Tensor::new(vec![1, 2], Values::Int64(vec![5, 6])).unwrap();
    let [first, second] = [batcher.coming(), batcher.coming()];
    let echo = |inputs: Vec<Tensor>| Ok(inputs);
    std::thread::scope(|scope| {
        let one = scope.spawn(|| batcher.run(first, input(&[1]), echo));
        let other = batcher.run(second, vec![wide.clone()], echo).unwrap();
        assert_eq!(other, (vec![wide.clone()], 1));
        assert_eq!(one.join().unwrap().unwrap(), (input(&[1]), 1));
    });
}

#[test]
fn what_is_wrong_with_one_request_is_no_other_ones_trouble() {
    let model = Model::new(&|values| {
        if values.contains(&-1) {
            Err(RunError::Panicked)
        } else {
            doubled(values)
        }
    });
    let answers = ask(&batcher(8, LONG), &model, &[&[1], &[-1], &[2]]);
    assert_eq!(*answers[0].as_ref().unwrap(), (input(&[2]), 1));
    assert!(matches!(answers[1], Err(RunError::Panicked)));
    assert_eq!(*answers[2].as_ref().unwrap(), (input(&[4]), 1));
    assert_eq!(model.runs().len(), 4);
}

#[test]
fn outputs_that_are_no_rows_are_had_alone() {
    let model = Model::new(&|values| Ok(input(&[values.iter().sum()])));
    let answers = good(ask(&batcher(8, LONG), &model, &[&[1, 2], &[3, 4]]));
    assert_eq!(answers[0], (input(&[3]), 1));
    assert_eq!(answers[1], (input(&[7]), 1));
}

#[test]
fn a_batch_has_no_more_values_than_it_may() {
    let model = Model::new(&doubled);
    let batcher = Batcher::new(Settings {
        rows: 8,
        elements: 3,
        delay: LONG,
    });
    // Of rows of one value, two are the most that are a power of two.
    let answers = good(ask(&batcher, &model, &[&[1], &[2], &[3]]));
    assert_eq!(answers[1], (input(&[4]), 2));
    assert_eq!(answers[2], (input(&[6]), 1));
}

#[test]
fn a_batch_that_fails_for_its_size_is_not_tried_again() {
    let model = Model::new(&|values| match values.len() {
        4.. => Err(RunError::Panicked),
        _ => doubled(values),
    });
    let batcher = batcher(8, LONG);
    let requests: [&[i64]; 4] = [&[1], &[2], &[3], &[4]];
    good(ask(&batcher, &model, &requests));
    let answers = good(ask(&batcher, &model, &requests));
    assert_eq!(
        answers
            .iter()
            .map(|(_, requests)| *requests)
            .collect::<Vec<_>>(),
        [2, 2, 2, 2]
    );
    let failed = model.runs().into_iter().filter(|values| values.len() >= 4);
    assert_eq!(failed.count(), 1);
}

#[test]
fn a_first_request_that_dies_leaves_nobody_waiting() {
    let batcher = batcher(2, LONG);
    let [first, second] = [batcher.coming(), batcher.coming()];
    std::thread::scope(|scope| {
        let dying = scope.spawn(|| {
            let die = |_: Vec<Tensor>| -> Result<Vec<Tensor>, RunError> { panic!("as it should") };
            batcher.run(first, input(&[1]), die)
        });
        while batcher.lock().open.is_empty() {
            std::thread::yield_now();
        }
        let other = batcher.run(second, input(&[2]), Ok);
        assert_eq!(other.unwrap(), (input(&[2]), 1));
        assert!(dying.join().is_err());
    });
}
