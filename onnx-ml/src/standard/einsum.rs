//! `Einsum` (standard domain): the axes that an ellipsis stands for are named before tract sums.
//!
//! tract counts the ellipsis of every operand as if each had one, and drops axes where one has
//! none. Here the equation is written out once the ranks are known.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::einsum;
use tract_onnx::tract_hir::internal::*;

use crate::tract::Built;

/// Stands for an ellipsis, so that an axis is one character.
const ELLIPSIS: char = '*';

/// Builds the operator from its node.
pub(crate) fn einsum(_context: &ParsingContext, node: &NodeProto) -> TractResult<Built> {
    let equation = Equation::read(node.get_attr("equation")?);
    Ok((expand(Einsum { equation }), vec![]))
}

/// The axes of each operand and of the output, a character each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Equation {
    operands: Vec<String>,
    output: String,
}

impl Equation {
    fn read(text: &str) -> Self {
        let text = text.replace(' ', "").replace("...", "*");
        let (operands, output) = match text.split_once("->") {
            Some((operands, output)) => (operands, output.to_owned()),
            None => (text.as_str(), implicit_output(&text)),
        };
        Self {
            operands: operands.split(',').map(str::to_owned).collect(),
            output,
        }
    }

    /// The equation without an ellipsis, for operands of these ranks.
    ///
    /// As in NumPy the ellipses of different operands are aligned at their ends.
    fn resolve(&self, ranks: &[usize]) -> TractResult<AxesMapping> {
        ensure!(
            ranks.len() == self.operands.len(),
            "as many operands as in the equation"
        );
        let hidden: TVec<usize> = self
            .operands
            .iter()
            .zip(ranks)
            .map(|(axes, rank)| hidden(axes, *rank))
            .collect::<TractResult<_>>()?;
        let most = hidden.iter().copied().max().unwrap_or_default();
        let is_free = |name: &char| !self.operands.iter().any(|axes| axes.contains(*name));
        let names: Vec<char> = ('a'..='z')
            .chain('A'..='Z')
            .filter(is_free)
            .take(most)
            .collect();
        ensure!(names.len() == most, "an axis for each letter at most");
        let written = |axes: &str, hidden: usize| {
            let names: String = names.iter().skip(most - hidden).collect();
            axes.replace(ELLIPSIS, &names)
        };
        let operands: Vec<String> = self
            .operands
            .iter()
            .zip(&hidden)
            .map(|(axes, hidden)| written(axes, *hidden))
            .collect();
        format!("{}->{}", operands.join(","), written(&self.output, most)).parse()
    }
}

/// How many axes the ellipsis of an operand stands for.
fn hidden(axes: &str, rank: usize) -> TractResult<usize> {
    let named = axes.chars().filter(|axis| *axis != ELLIPSIS).count();
    let hidden = rank.checked_sub(named);
    let hidden = hidden.filter(|hidden| *hidden == 0 || axes.contains(ELLIPSIS));
    hidden.with_context(|| format!("operand `{axes}` does not fit {rank} axes"))
}

/// Where the output is not written: the ellipsis, then each letter that stands once, sorted.
fn implicit_output(operands: &str) -> String {
    let stands_once = |axis: &char| operands.chars().filter(|other| other == axis).count() == 1;
    let mut letters: Vec<char> = operands
        .chars()
        .filter(|axis| axis.is_alphabetic() && stands_once(axis))
        .collect();
    letters.sort_unstable();
    let ellipsis = operands.chars().find(|axis| *axis == ELLIPSIS);
    ellipsis.into_iter().chain(letters).collect()
}

#[derive(Debug, Clone)]
struct Einsum {
    equation: Equation,
}

impl Expansion for Einsum {
    fn name(&self) -> StaticName {
        "Einsum".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.equation.operands.len())?;
        check_output_arity(outputs, 1)?;
        let [output] = outputs else {
            bail!("an einsum has one output")
        };
        for input in inputs {
            solver.equals(&input.datum_type, &output.datum_type)?;
        }
        solver.given_all(
            inputs.iter().map(|input| &input.rank),
            move |solver, ranks| {
                let ranks: Vec<usize> = ranks
                    .into_iter()
                    .map(usize::try_from)
                    .collect::<Result<_, _>>()?;
                same_lengths(solver, &self.equation.resolve(&ranks)?, inputs, output)
            },
        )
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let facts: Vec<TypedFact> = inputs
            .iter()
            .map(|input| model.outlet_fact(*input).cloned())
            .collect::<TractResult<_>>()?;
        let ranks: Vec<usize> = facts.iter().map(|fact| fact.rank()).collect();
        let first = facts.first().context("an einsum has an operand")?;
        let operator = einsum::EinSum {
            axes: self.equation.resolve(&ranks)?,
            operating_dt: first.datum_type,
            q_params: None,
        };
        model.wire_node(prefix, operator, inputs)
    }
}

/// An axis is as long wherever it stands.
fn same_lengths<'r, 'p: 'r>(
    solver: &mut Solver<'r>,
    axes: &AxesMapping,
    inputs: &'p [TensorProxy],
    output: &'p TensorProxy,
) -> InferenceResult {
    let rank = i64::try_from(axes.rank(InOut::Out(0)))?;
    solver.equals(&output.rank, rank)?;
    for axis in axes.iter_all_axes() {
        let in_output = axis.outputs.iter().flatten();
        let mut lengths: Vec<_> = in_output.map(|place| output.shape[*place].bex()).collect();
        for (input, places) in inputs.iter().zip(&axis.inputs) {
            lengths.extend(places.iter().map(|place| input.shape[*place].bex()));
        }
        solver.equals_all(lengths)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Input, standard, string};

    #[track_caller]
    fn resolved(equation: &str, ranks: &[usize], expected: Result<&str, &str>) {
        let resolved = Equation::read(equation).resolve(ranks);
        let resolved = resolved.map(|axes| axes.to_string());
        let resolved = resolved.map_err(|error| error.to_string());
        assert_eq!(
            resolved,
            expected.map(str::to_owned).map_err(str::to_owned),
            "{equation}"
        );
    }

    #[test]
    fn an_ellipsis_stands_for_the_axes_that_are_left() {
        resolved("...d,nd->...n", &[3, 2], Ok("abd,nd->abn"));
        resolved("...d,nd->...n", &[2, 2], Ok("ad,nd->an"));
        resolved("...j, jk -> ...k", &[1, 2], Ok("j,jk->k"));
        resolved("ij,...jk->...ik", &[2, 4], Ok("ij,abjk->abik"));
        resolved("...ij,...jk->...ik", &[4, 3], Ok("abij,bjk->abik"));
        resolved("...i->...", &[3], Ok("abi->ab"));
        resolved("ij,jk", &[2, 2], Ok("ij,jk->ik"));
        resolved("ba", &[2], Ok("ba->ab"));
    }

    #[test]
    fn operands_of_other_ranks_are_refused() {
        let refused = |text: &'static str| Err(text);
        resolved(
            "ij,jk->ik",
            &[2, 3],
            refused("operand `jk` does not fit 3 axes"),
        );
        resolved(
            "...ij->...",
            &[1],
            refused("operand `*ij` does not fit 1 axes"),
        );
        resolved(
            "ij->i",
            &[2, 2],
            refused("as many operands as in the equation"),
        );
    }

    #[track_caller]
    fn check(equation: &str, inputs: Vec<Tensor>, expected: Tensor) {
        let inputs = inputs.into_iter().map(Input::Given).collect();
        let output = standard("Einsum", 17, vec![string("equation", equation)], inputs);
        assert_eq!(output.unwrap(), [expected], "{equation}");
    }

    /// Expected values: onnxruntime 1.31.1.
    #[test]
    fn no_axis_is_lost() {
        let batch = || tensor3(&[[[1f32, 2.], [3., 4.]], [[5., 6.], [7., 8.]]]);
        let weight = || tensor2(&[[1f32, 0.], [0., 2.], [1., 1.]]);
        let expected = tensor3(&[
            [[1f32, 4., 3.], [3., 8., 7.]],
            [[5., 12., 11.], [7., 16., 15.]],
        ]);
        check("...d,nd->...n", vec![batch(), weight()], expected);
        let expected = tensor3(&[[[1f32, 3.], [2., 4.]], [[5., 7.], [6., 8.]]]);
        check("...ij->...ji", vec![batch()], expected);
        check(
            "...i->...",
            vec![batch()],
            tensor2(&[[3f32, 7.], [11., 15.]]),
        );
    }
}
