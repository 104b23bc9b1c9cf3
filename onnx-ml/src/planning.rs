//! From a graph to one that runs, for inputs of given shapes.
//!
//! tract finds datatypes and shapes by rules, both ways along the edges until nothing changes, and rewrites a graph by
//! fifteen passes until nothing changes. Most models are small, and take longer for that than for a thousand rows. Where
//! every length is a number, wiring the nodes in order finds the same; and where no node multiplies matrices or slides
//! windows, one walk along the nodes makes all the difference that there is.

mod passes;

use std::ops::RangeInclusive;

use tract_onnx::prelude::InferenceModelExt;
use tract_onnx::tract_core::ops::array::{Gather, Slice, StridedSlice};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::math::Pow;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_core::optim::Optimizer;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::binary::Nary;

/// The graph for inputs of these datatypes and shapes, which must be numbers.
///
/// Inputs that do not fit the graph are an error.
pub fn typed(graph: &InferenceModel, inputs: &[InferenceFact]) -> TractResult<TypedModel> {
    let wired = can_be_wired(graph).then(|| wired(graph, inputs));
    match wired {
        Some(Ok(wired)) if is_concrete(&wired) => Ok(wired),
        // Of what is wrong, tract's rules tell more.
        _ => analysed(graph, inputs),
    }
}

/// A typed graph, rewritten to run fast.
pub fn optimized(mut graph: TypedModel) -> TractResult<TypedModel> {
    if is_light(&graph) {
        fold_constants(&mut graph)?;
        rewrite(&mut graph, simpler)?;
        rewrite(&mut graph, TypedOp::codegen)?;
        rewrite(&mut graph, TypedOp::fuse)?;
        graph.compact()?;
        Ok(graph)
    } else {
        passes::optimize(&mut graph)?;
        Ok(graph)
    }
}

/// Whether every operator of a graph says by itself which datatypes and shapes it does not take, and has as many inputs
/// and outputs as it needs. Others answer as they like, where no rule was asked before; that these do not is a test of
/// the zoo.
fn can_be_wired(graph: &InferenceModel) -> bool {
    let can_be = |node: &InferenceNode| {
        let inputs = inputs_of(&node.op.name());
        let outputs = node.op.nboutputs();
        inputs.is_some_and(|inputs| inputs.contains(&node.inputs.len()))
            && outputs.is_ok_and(|outputs| outputs == node.outputs.len())
            && !is_mean(node)
    };
    graph.nodes().iter().all(can_be)
}

/// It asks the rules for its datatype.
fn is_mean(node: &InferenceNode) -> bool {
    node.op_as::<Nary>().is_some_and(|nary| nary.1)
}

/// How many inputs there may be, of operators that check everything else. Names are those of the graph: tract's.
#[rustfmt::skip]
fn inputs_of(operator: &str) -> Option<RangeInclusive<usize>> {
    Some(match operator {
        "Const" | "Source" => 0..=0,
        "Identity"
            | "Binarizer" | "CastMap" | "CategoryMapper" | "DictVectorizer" | "Imputer" | "LabelEncoder"
            | "LinearClassifier" | "LinearRegressor" | "Normalizer" | "OneHotEncoder" | "SVMClassifier"
            | "SVMRegressor" | "Scaler" | "TreeEnsemble" | "ZipMap"
            | "RegexFullMatch" | "StringNormalizer" | "StringSplit" | "TfIdfVectorizer" | "Tokenizer"
            | "Abs" | "Acos" | "Asin" | "Atan" | "Cast" | "Ceil" | "Celu" | "Cos" | "Elu" | "Erf" | "Exp" | "Floor"
            | "HardSigmoid" | "HardSwish" | "IsInf" | "IsNan" | "LeakyRelu" | "Ln" | "Neg" | "Not" | "Recip"
            | "RoundHalfToEven" | "Selu" | "Sigmoid" | "Sign" | "Sin" | "Softplus" | "Softsign" | "Sqrt" | "Tanh"
            | "ArgMax" | "ArgMin" | "ConstantOfShape" | "Flatten" | "LogSoftmax" | "PermuteAxes"
            | "ReduceLogSumExp" | "Shape" | "Softmax" => 1..=1,
        "Reduce13" | "Split13" => 1..=2,
        "ArrayFeatureExtractor" | "StringConcat"
            | "Add" | "And" | "Div" | "Eq" | "GT" | "GTE" | "LT" | "LTE" | "Mul" | "Or" | "Rem" | "Sub" | "Xor"
            | "CumSum" | "Gather" | "GatherElements" | "MatMulInference" | "Reshape" | "Squeeze13"
            | "Unsqueeze13" => 2..=2,
        "Gemm" => 2..=3,
        "Clip" => 1..=3,
        "Iff" => 3..=3,
        "AddNary" | "FeatureVectorizer" | "InferenceConcat" | "MaxNary" | "MinNary" => 1..=usize::MAX,
        _ => return None,
    })
}

/// Each node as its operator is wired, after those before it.
fn wired(graph: &InferenceModel, inputs: &[InferenceFact]) -> TractResult<TypedModel> {
    let mut typed = TypedModel {
        symbols: graph.symbols.clone(),
        properties: graph.properties.clone(),
        ..TypedModel::default()
    };
    let mut places = HashMap::new();
    for (outlet, fact) in graph.input_outlets()?.iter().zip(inputs) {
        let name = graph.node(outlet.node).name.clone();
        let source = typed.add_source(name, fact.try_into()?)?;
        keep_label(graph, *outlet, &mut typed, source)?;
        places.insert(*outlet, source);
    }
    for id in graph.eval_order()? {
        let node = graph.node(id);
        if places.contains_key(&id.into()) {
            continue;
        }
        let outputs = node.op.to_typed(graph, node, &mut typed, &places)?;
        for (slot, output) in outputs.into_iter().enumerate() {
            let outlet = OutletId::new(id, slot);
            keep_label(graph, outlet, &mut typed, output)?;
            places.insert(outlet, output);
        }
    }
    let place = |outlet| places.get(outlet).copied().context("an output is made");
    let outputs: Vec<_> = graph
        .output_outlets()?
        .iter()
        .map(place)
        .collect::<TractResult<_>>()?;
    typed.select_output_outlets(&outputs)?;
    Ok(typed)
}

fn keep_label(
    graph: &InferenceModel,
    outlet: OutletId,
    typed: &mut TypedModel,
    output: OutletId,
) -> TractResult<()> {
    match graph.outlet_label(outlet) {
        Some(label) => typed.set_outlet_label(output, label.to_owned()),
        None => Ok(()),
    }
}

/// Each node by its rules.
fn analysed(graph: &InferenceModel, inputs: &[InferenceFact]) -> TractResult<TypedModel> {
    let mut graph = graph.clone();
    for (place, fact) in inputs.iter().enumerate() {
        graph.set_input_fact(place, fact.clone())?;
    }
    graph.into_typed()
}

/// Whether every length is a number.
fn is_concrete(graph: &TypedModel) -> bool {
    let mut outputs = graph.nodes().iter().flat_map(|node| &node.outputs);
    outputs.all(|output| output.fact.shape.is_concrete())
}

/// Whether there is nothing in a graph that is worth a search for the best form of it.
fn is_light(graph: &TypedModel) -> bool {
    let is_heavy = |node: &TypedNode| {
        node.op_is::<EinSum>()
            || node.op_is::<Conv>()
            || node.op_is::<Deconv>()
            || node.op_is::<Scan>()
    };
    !graph.nodes().iter().any(is_heavy)
}

fn fold_constants(graph: &mut TypedModel) -> TractResult<()> {
    let optimizer = Optimizer::prop_consts();
    let mut session = optimizer.session();
    for mut pass in optimizer.passes.clone() {
        session.run_one_pass_inner(0, pass.as_mut(), graph)?;
    }
    Ok(())
}

/// What does the same as an operator that has a simpler form more often than not.
fn simpler(
    operator: &dyn TypedOp,
    graph: &TypedModel,
    node: &TypedNode,
) -> TractResult<Option<TypedModelPatch>> {
    let is_power = |binary: &TypedBinOp| binary.0.is::<Pow>();
    let may_be_simpler = operator.downcast_ref().is_some_and(is_power)
        || operator.is::<Cast>()
        || operator.is::<Gather>()
        || operator.is::<Slice>()
        || operator.is::<StridedSlice>();
    match may_be_simpler {
        true => operator.declutter(graph, node),
        false => Ok(None),
    }
}

/// What takes the place of a node.
type Rule = fn(&dyn TypedOp, &TypedModel, &TypedNode) -> TractResult<Option<TypedModelPatch>>;

/// Puts in the place of each node what the rule gives for it, for new nodes too.
fn rewrite(graph: &mut TypedModel, rule: Rule) -> TractResult<()> {
    let mut place = 0;
    while let Some(node) = graph.nodes().get(place) {
        match rule(node.op.as_ref(), graph, node)? {
            Some(patch) => patch.apply(graph)?,
            None => place += 1,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{floats, integers, node, outputs_of_graph, value};
    use tract_onnx::pb::{GraphProto, NodeProto};

    fn graph(node: NodeProto, outputs: &[&str], stored: Vec<(&str, Tensor)>) -> GraphProto {
        let stored = stored
            .iter()
            .map(|(name, tensor)| crate::testing::stored(name, tensor));
        GraphProto {
            node: vec![node],
            input: vec![value("x")],
            initializer: stored.collect(),
            output: outputs.iter().copied().map(value).collect(),
            ..Default::default()
        }
    }

    #[track_caller]
    fn refused(graph: GraphProto) {
        let rows = tensor2(&[[1f32, 2.], [3., 4.]]);
        outputs_of_graph(graph, 13, vec![rows]).unwrap_err();
    }

    /// Each was a panic or an answer where nothing but the wiring was asked.
    #[test]
    fn nodes_with_other_inputs_or_outputs_are_refused() {
        let classifier = |outputs: &[&str]| {
            let attributes = vec![
                floats("coefficients", &[1., 2., 3., 4.]),
                floats("intercepts", &[0., 0.]),
                integers("classlabels_ints", &[1, 2]),
            ];
            NodeProto {
                domain: "ai.onnx.ml".to_owned(),
                ..node("LinearClassifier", &["x"], outputs, attributes)
            }
        };
        let run = |outputs: &[&str]| graph(classifier(outputs), outputs, vec![]);
        outputs_of_graph(run(&["y", "z"]), 13, vec![tensor2(&[[1f32, 2.]])]).unwrap();
        refused(run(&["y"]));
        for inputs in [&["x", "x"][..], &[]] {
            refused(graph(node("Abs", inputs, &["y"], vec![]), &["y"], vec![]));
        }
        refused(graph(
            node("Gather", &["x"], &["y"], vec![]),
            &["y"],
            vec![],
        ));
    }

    /// tract reads the first of numbers without a look at how many there are.
    #[test]
    fn a_list_of_no_numbers_is_no_number() {
        for count in [0, 2] {
            let numbers = Tensor::zero::<i64>(&[count]).unwrap();
            let top = node("TopK", &["x", "k"], &["y", "z"], vec![]);
            refused(graph(top, &["y", "z"], vec![("k", numbers)]));
        }
    }

    #[test]
    fn names_of_outlets_are_kept() {
        let mut given = InferenceModel::default();
        let source = given.add_source("x", InferenceFact::default()).unwrap();
        given.set_outlet_label(source, "rows".to_owned()).unwrap();
        given.select_output_outlets(&[source]).unwrap();
        let typed = typed(&given, &[InferenceFact::dt_shape(f32::datum_type(), [2])]).unwrap();
        assert_eq!(typed.outlet_label(typed.outputs[0]), Some("rows"));
    }
}
