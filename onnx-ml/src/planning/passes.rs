//! tract's passes, driven by us.
//!
//! Its own driver compares each node that a rewrite brings with all nodes there are, looks through all their names
//! for its own, and asks every pass once more after the last change: that is a third of what planning a network takes.
//! What a pass is, and what it finds, is tract's.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::dummy::Dummy;
use tract_onnx::tract_core::optim::{Optimizer, OptimizerSession, TypedPass};
use tract_onnx::tract_hir::internal::*;

/// Rewrites a graph by all passes that tract has, until none finds anything.
pub(super) fn optimize(graph: &mut TypedModel) -> TractResult<()> {
    graph.compact()?;
    settle(graph, &Optimizer::declutter())?;
    settle(graph, &Optimizer::codegen())?;
    make_names_unique(graph);
    Ok(())
}

/// The passes by turns, until each has found nothing since the last change.
fn settle(graph: &mut TypedModel, optimizer: &Optimizer) -> TractResult<()> {
    let mut session = optimizer.session();
    let mut passes = optimizer.passes.clone();
    let mut applied = HashSet::new();
    let mut settled = 0;
    while settled < passes.len() {
        for pass in &mut passes {
            let has_changed = run(pass.as_mut(), &mut session, graph, &mut applied)?;
            settled = if has_changed { 1 } else { settled + 1 };
        }
    }
    Ok(())
}

/// One pass until it finds nothing; whether it has found anything.
fn run(
    pass: &mut dyn TypedPass,
    session: &mut OptimizerSession<'_>,
    graph: &mut TypedModel,
    applied: &mut HashSet<String>,
) -> TractResult<bool> {
    let mut has_changed = false;
    loop {
        pass.reset()?;
        let mut is_settled = true;
        while let Some(mut patch) = pass.next(session, graph)? {
            let once = patch.dont_apply_twice.take();
            if once.is_none_or(|once| applied.insert(once)) {
                apply(patch, graph)?;
                is_settled = false;
            }
        }
        pass.run_direct(graph)?;
        graph.compact()?;
        if is_settled {
            return Ok(has_changed);
        }
        has_changed = true;
    }
}

/// Puts the nodes of a patch into the graph, in the place of those it replaces.
fn apply(patch: TypedModelPatch, graph: &mut TypedModel) -> TractResult<()> {
    let ModelPatch {
        model,
        taps,
        shunts,
        obliterate,
        inputs,
        ..
    } = patch;
    let (added, places) = add_nodes(model, &inputs, taps, graph)?;
    let place = |outlet: &OutletId| places.get(outlet).copied().context("a patch is whole");
    let mut shunts: Vec<_> = shunts.into_iter().collect();
    shunts.sort();
    for (outlet, by) in &shunts {
        redirect(graph, *outlet, place(by)?)?;
    }
    for (node, inputs) in added {
        for (slot, input) in inputs.iter().enumerate() {
            graph.add_edge(place(input)?, InletId::new(node, slot))?;
        }
    }
    for node in obliterate {
        graph.node_mut(node).op = Box::new(Dummy);
    }
    let replaced = shunts.iter().map(|(outlet, _)| outlet.node);
    remove_unused(graph, replaced.collect());
    Ok(())
}

/// Where outlets of a patch are in the graph.
type Places = HashMap<OutletId, OutletId>;

/// New nodes of a graph, with the outlets of the patch that each is to read.
type Added = Vec<(usize, Vec<OutletId>)>;

/// Adds the nodes of a patch, but for the sources that stand for outlets which the graph has; and tells where all
/// outlets of the patch are then.
fn add_nodes(
    patch: TypedModel,
    replaced_inputs: &HashMap<usize, usize>,
    mut places: Places,
    graph: &mut TypedModel,
) -> TractResult<(Added, Places)> {
    let mut added = Vec::new();
    for node in patch.nodes {
        if places.contains_key(&node.id.into()) && TypedModel::is_source(&node.op) {
            continue;
        }
        let slots = 0..node.outputs.len();
        let facts = node.outputs.into_iter().map(|output| output.fact);
        let place = graph.add_node(node.name, node.op, facts.collect())?;
        let outlets = slots.map(|slot| (OutletId::new(node.id, slot), OutletId::new(place, slot)));
        places.extend(outlets);
        if let Some(replaced) = replaced_inputs.get(&node.id) {
            let inputs = graph.inputs.iter_mut();
            let same = inputs.filter(|input| input.node == *replaced);
            same.for_each(|input| input.node = place);
        }
        added.push((place, node.inputs));
    }
    Ok((added, places))
}

/// Whoever reads one outlet reads another from now on.
fn redirect(graph: &mut TypedModel, from: OutletId, to: OutletId) -> TractResult<()> {
    for reader in graph.outlet_successors(from).to_vec() {
        graph.add_edge(to, reader)?;
    }
    let outputs = graph.outputs.iter_mut();
    let same = outputs.filter(|output| **output == from);
    same.for_each(|output| *output = to);
    match graph.outlet_labels.remove(&from) {
        Some(label) => graph.set_outlet_label(to, label),
        None => Ok(()),
    }
}

/// Empties those of the nodes that nobody reads, and those before them that nobody reads then.
fn remove_unused(graph: &mut TypedModel, mut nodes: Vec<usize>) {
    while let Some(place) = nodes.pop() {
        let mut ends = graph.inputs.iter().chain(&graph.outputs);
        let is_end = ends.any(|end| end.node == place);
        let node = graph.node_mut(place);
        if is_end
            || node
                .outputs
                .iter()
                .any(|output| !output.successors.is_empty())
        {
            continue;
        }
        node.op = Box::new(Dummy);
        node.outputs.clear();
        for input in std::mem::take(&mut node.inputs) {
            let outputs = &mut graph.node_mut(input.node).outputs;
            if let Some(output) = outputs.get_mut(input.slot) {
                output.successors.retain(|reader| reader.node != place);
            }
            nodes.push(input.node);
        }
    }
}

/// Of nodes with one name, all but the first get a number behind it.
fn make_names_unique(graph: &mut TypedModel) {
    let mut names = HashSet::with_capacity(graph.nodes.len());
    for node in &mut graph.nodes {
        let mut number = 0;
        let mut name = node.name.clone();
        while !names.insert(name.clone()) {
            number += 1;
            name = format!("{}.{number}", node.name);
        }
        node.name = name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat, PaddingSpec, PoolSpec};
    use tract_onnx::tract_core::ops::math;
    use tract_onnx::tract_core::ops::nn::{DataFormat, sigmoid};

    /// A convolution of each channel, one across them, and a function of the sum; two nodes have one name.
    fn network() -> TypedModel {
        let mut graph = TypedModel::default();
        let image = f32::fact([1, 4, 8, 8]);
        let mut wire = graph.add_source("image", image).unwrap();
        for (name, group, kernel) in [("each", 4, [4, 1, 3, 3]), ("across", 1, [4, 4, 1, 1])] {
            let weights = Tensor::from_shape(&kernel, &vec![0.5f32; kernel.iter().product()]);
            let weights = graph.add_const(format!("{name}.weights"), weights.unwrap());
            let bias = graph.add_const(format!("{name}.bias"), tensor1(&[0.1f32, 0.2, 0.3, 0.4]));
            let pool_spec = PoolSpec {
                data_format: DataFormat::NCHW,
                kernel_shape: kernel.get(2..).unwrap().into(),
                padding: PaddingSpec::SameUpper,
                dilations: None,
                strides: None,
                input_channels: 4,
                output_channels: 4,
            };
            let convolution = Conv {
                pool_spec,
                kernel_fmt: KernelFormat::OIHW,
                group,
                q_params: None,
            };
            let inputs = [wire, weights.unwrap(), bias.unwrap()];
            wire = graph.wire_node(name, convolution, &inputs).unwrap()[0];
        }
        let sum = graph.wire_node("sum", math::add(), &[wire, wire]).unwrap()[0];
        let output = graph.wire_node("output", sigmoid(), &[sum]).unwrap()[0];
        graph
            .set_outlet_label(output, "probability".to_owned())
            .unwrap();
        graph.select_output_outlets(&[output]).unwrap();
        graph
    }

    fn operators(graph: &TypedModel) -> Vec<String> {
        let mut names: Vec<_> = graph
            .nodes
            .iter()
            .map(|node| node.op.name().to_string())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_tract_makes_of_a_network_is_made() {
        let expected = network().into_optimized().unwrap();
        let mut graph = network();
        optimize(&mut graph).unwrap();
        assert_ne!(operators(&graph), operators(&network()));
        assert_eq!(operators(&graph), operators(&expected));
        assert_eq!(graph.outlet_label(graph.outputs[0]), Some("probability"));
        let image = || tvec![Tensor::zero::<f32>(&[1, 4, 8, 8]).unwrap().into_tvalue()];
        let run = |graph: TypedModel| graph.into_runnable().unwrap().run(image()).unwrap();
        run(graph)[0]
            .close_enough(&run(expected)[0], Approximation::Exact)
            .unwrap();
    }

    #[test]
    fn an_input_may_be_replaced() {
        let mut graph = TypedModel::default();
        let input = graph.add_source("x", f32::fact([1, 2])).unwrap();
        let output = graph.wire_node("y", math::exp(), &[input]).unwrap();
        graph.select_output_outlets(&output).unwrap();
        let mut patch = TypedModelPatch::default();
        let other = patch.add_source("x", f32::fact([2])).unwrap();
        let wide = patch.wire_node("wide", AxisOp::Add(0), &[other]).unwrap()[0];
        patch.inputs.insert(other.node, input.node);
        patch.shunt_outside(&graph, input, wide).unwrap();
        apply(patch, &mut graph).unwrap();
        graph.compact().unwrap();
        let row = tensor1(&[0f32, 0.]).into_tvalue();
        let answer = graph.into_runnable().unwrap().run(tvec![row]).unwrap();
        assert_eq!(*answer[0], tensor2(&[[1f32, 1.]]));
    }

    #[test]
    fn names_become_unique() {
        let mut graph = network();
        graph
            .nodes
            .iter_mut()
            .for_each(|node| node.name = "same".to_owned());
        make_names_unique(&mut graph);
        let names: HashSet<_> = graph.nodes.iter().map(|node| &node.name).collect();
        assert_eq!(names.len(), graph.nodes.len());
        assert_eq!(graph.nodes[0].name, "same");
    }
}
