//! rten, in a process of its own: in this one it would change how crates that the engine uses are compiled, and it
//! asks for a later Rust. What it is asked and answers is in files; the clock is its own.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use model_fn::tensor::{Tensor, Values};
use serde::{Deserialize, Serialize};

use super::{Inputs, Runner};
use crate::peer::Peer;

/// A running program (`bench/peers/rten`), and a model in it.
pub(super) struct Network {
    peer: Peer,
    folder: tempfile::TempDir,
}

/// An input: rten has no numbers of more than 32 bits, and no truths.
#[derive(Debug, PartialEq, Serialize)]
struct Input<'a> {
    name: &'a str,
    shape: &'a [usize],
    values: Numbers<'a>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Numbers<'a> {
    Floats(&'a [f32]),
    Integers(Vec<i32>),
}

/// An output: what is not finite is `null`.
#[derive(Deserialize)]
struct Output {
    shape: Vec<usize>,
    floats: Vec<Option<f32>>,
}

impl Network {
    /// One thread, as all others have.
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.env("RTEN_NUM_THREADS", "1");
        Ok(Self {
            peer: Peer::run("rten", &mut command)?,
            folder: tempfile::tempdir()?,
        })
    }

    pub(super) fn open(&mut self, file: &Path) -> Result<()> {
        self.ask(&format!("load {}", file.display())).map(drop)
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        let answer = self.peer.ask(line)?;
        match answer.strip_prefix("error ") {
            Some(reason) => bail!("{reason}"),
            None => Ok(answer),
        }
    }

    fn nanoseconds(&mut self, line: &str) -> Result<Duration> {
        Ok(Duration::from_nanos(self.ask(line)?.parse()?))
    }
}

impl Runner for Network {
    fn give(&mut self, inputs: &Inputs) -> Result<()> {
        let inputs: Vec<_> = inputs.iter().map(input).collect::<Result<_>>()?;
        let file = self.folder.path().join("inputs.json");
        fs::write(&file, serde_json::to_vec(&inputs)?)?;
        self.ask(&format!("give {}", file.display())).map(drop)
    }

    fn answer(&mut self) -> Result<Vec<Tensor>> {
        let file = self.folder.path().join("outputs.json");
        self.ask(&format!("answer {}", file.display()))?;
        let outputs: Vec<Output> = serde_json::from_slice(&fs::read(file)?)?;
        outputs.into_iter().map(tensor).collect()
    }

    fn time(&mut self, runs: u32) -> Result<Duration> {
        self.nanoseconds(&format!("time {runs}"))
    }

    /// With the first answer, as the engine's.
    fn load(&mut self) -> Result<Duration> {
        self.nanoseconds("start")
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all other datatypes are alike"
)]
fn input((name, tensor): &(String, Tensor)) -> Result<Input<'_>> {
    let short = |integer: &i64| i32::try_from(*integer).context("an integer is too long");
    let values = match tensor.values() {
        Values::Fp32(list) => Numbers::Floats(list),
        Values::Int64(list) => Numbers::Integers(list.iter().map(short).collect::<Result<_>>()?),
        Values::Bool(list) => Numbers::Integers(list.iter().map(|truth| (*truth).into()).collect()),
        other => bail!("inputs of `{}` are not measured", other.datatype()),
    };
    Ok(Input {
        name,
        shape: tensor.shape(),
        values,
    })
}

fn tensor(output: Output) -> Result<Tensor> {
    let floats = output.floats.into_iter();
    let floats = floats.map(|float| float.unwrap_or(f32::NAN)).collect();
    Ok(Tensor::new(output.shape, Values::Fp32(floats))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: Values, expected: Option<&str>) {
        let given = ("x".to_owned(), Tensor::flat(values));
        let text = input(&given).map(|input| serde_json::to_string(&input).unwrap());
        let expected = expected.map(|values| format!("{{\"name\":\"x\",\"shape\":[2],{values}}}"));
        assert_eq!(text.ok(), expected);
    }

    #[test]
    fn numbers_have_32_bits_at_most() {
        let floats = r#""values":{"floats":[0.5,1.0]}"#;
        check(Values::Fp32(vec![0.5, 1.0]), Some(floats));
        let integers = r#""values":{"integers":[0,1]}"#;
        check(Values::Int64(vec![0, 1]), Some(integers));
        check(Values::Bool(vec![false, true]), Some(integers));
        check(Values::Int64(vec![0, 1 << 31]), None);
        check(Values::Fp64(vec![0.5, 1.0]), None);
    }

    #[test]
    fn what_is_not_finite_comes_as_nothing() {
        let output = serde_json::from_str(r#"{"shape":[1,2],"floats":[0.5,null]}"#).unwrap();
        let tensor = tensor(output).unwrap();
        assert_eq!(tensor.shape(), [1, 2]);
        assert!(
            matches!(tensor.values(), Values::Fp32(list) if list[0] == 0.5 && list[1].is_nan())
        );
    }
}
