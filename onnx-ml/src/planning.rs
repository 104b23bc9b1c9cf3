//! From a graph to one that runs, for inputs of given shapes.
//!
//! tract finds datatypes and shapes by rules, both ways along the edges until nothing changes, and rewrites a graph by
//! a dozen passes until nothing changes. Most models are small, and take longer for that than for a thousand rows. Where
//! every length is a number, wiring the nodes in order finds the same; and where no node multiplies matrices or slides
//! windows, one walk along the nodes makes all the difference that there is.

use tract_onnx::prelude::InferenceModelExt;
use tract_onnx::tract_core::ops::array::{Gather, Slice, StridedSlice};
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::cnn::{Conv, Deconv};
use tract_onnx::tract_core::ops::einsum::EinSum;
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
        graph.into_optimized()
    }
}

/// Whether every operator of a graph says by itself what it does not take. Others answer as they like, where no rule
/// was asked before; that these do not is a test of the zoo.
fn can_be_wired(graph: &InferenceModel) -> bool {
    // It asks the rules for its datatype.
    let is_mean = |node: &InferenceNode| node.op_as::<Nary>().is_some_and(|nary| nary.1);
    let can_be = |node| !is_mean(node) && checks_itself(&node.op.name());
    graph.nodes().iter().all(can_be)
}

/// Names as the graph has them: tract's.
#[rustfmt::skip]
fn checks_itself(operator: &str) -> bool {
    matches!(
        operator,
        "Const" | "Identity" | "Source"
            // ai.onnx.ml
            | "ArrayFeatureExtractor" | "Binarizer" | "CastMap" | "CategoryMapper" | "DictVectorizer"
            | "FeatureVectorizer" | "Imputer" | "LabelEncoder" | "LinearClassifier" | "LinearRegressor" | "Normalizer"
            | "OneHotEncoder" | "SVMClassifier" | "SVMRegressor" | "Scaler" | "TreeEnsemble" | "ZipMap"
            // Text
            | "RegexFullMatch" | "StringConcat" | "StringNormalizer" | "StringSplit" | "TfIdfVectorizer" | "Tokenizer"
            // Number by number
            | "Abs" | "Acos" | "Add" | "AddNary" | "And" | "Asin" | "Atan" | "Cast" | "Ceil" | "Celu" | "Clip" | "Cos"
            | "Div" | "Elu" | "Eq" | "Erf" | "Exp" | "Floor" | "GT" | "GTE" | "HardSigmoid" | "HardSwish" | "Iff"
            | "IsInf" | "IsNan" | "LT" | "LTE" | "LeakyRelu" | "Ln" | "MaxNary" | "MinNary" | "Mul" | "Neg" | "Not"
            | "Or" | "Recip" | "Rem" | "RoundHalfToEven" | "Selu" | "Sigmoid" | "Sign" | "Sin" | "Softplus"
            | "Softsign" | "Sqrt" | "Sub" | "Tanh" | "Xor"
            // Along axes
            | "ArgMax" | "ArgMin" | "ConstantOfShape" | "CumSum" | "Flatten" | "Gather" | "GatherElements" | "Gemm"
            | "InferenceConcat" | "LogSoftmax" | "MatMulInference" | "PermuteAxes" | "Reduce13"
            | "ReduceLogSumExp" | "Reshape" | "Shape" | "Softmax" | "Split13" | "Squeeze13" | "Topk"
            | "Unsqueeze13"
    )
}

/// Each node as its operator is wired, after those before it.
fn wired(graph: &InferenceModel, inputs: &[InferenceFact]) -> TractResult<TypedModel> {
    let mut typed = TypedModel {
        symbols: graph.symbols.clone(),
        ..TypedModel::default()
    };
    let mut places = HashMap::new();
    for (outlet, fact) in graph.input_outlets()?.iter().zip(inputs) {
        let name = graph.node(outlet.node).name.clone();
        places.insert(*outlet, typed.add_source(name, fact.try_into()?)?);
    }
    for id in graph.eval_order()? {
        let node = graph.node(id);
        if places.contains_key(&id.into()) {
            continue;
        }
        let outputs = node.op.to_typed(graph, node, &mut typed, &places)?;
        let outlets = outputs.into_iter().enumerate();
        places.extend(outlets.map(|(slot, output)| (OutletId::new(id, slot), output)));
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
    let may_be_simpler = operator.is::<Cast>()
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
