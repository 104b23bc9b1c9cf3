//! Whether a graph is one at all, before tract plans it: tract takes whichever of two nodes that make one value
//! came last, and says "loop" without a name.

use std::collections::{HashMap, HashSet};
use std::fmt;

use onnx_ml::{inner_graphs, node_name};
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{GraphProto, NodeProto};

/// Most nodes of a graph, those of inner graphs included. Large language models have some thousands, and the time
/// for a plan grows with the square.
const MAX_NODES: usize = 10_000;
/// How many nodes of a cycle are named.
const NAMED: usize = 5;

/// Why a graph cannot be run by anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// More nodes than are planned in the time that a start has.
    #[error("the graph has {0} nodes, more than {MAX_NODES}")]
    TooManyNodes(usize),
    /// Two nodes, or a node and an input, make one value.
    #[error("node `{node}` makes the value `{value}`, which is there before")]
    MadeTwice {
        /// The second that makes it.
        node: String,
        /// The value.
        value: String,
    },
    /// Nodes that wait for each other.
    #[error("nodes wait for each other: {}", Names(.0))]
    Cycle(Vec<String>),
    /// Two stored tensors have one name, or one lies both in the file and beside it.
    #[error("the tensor `{0}` is stored twice")]
    StoredTwice(String),
    /// A tensor is stored by its values that are not zero.
    #[error("the tensor `{0}` is sparse, which is not read: store all of its values")]
    Sparse(String),
    /// An output that nothing makes.
    #[error("no node makes the output `{0}`")]
    NoOutput(String),
}

struct Names<'a>(&'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.0.iter().take(NAMED).map(|name| format!("`{name}`"));
        let named: Vec<_> = named.collect();
        out.write_str(&named.join(", "))?;
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}

/// The first flaw of a graph, if it has any.
pub(super) fn flaw(graph: &GraphProto) -> Option<Flaw> {
    let count = nodes(graph);
    if count > MAX_NODES {
        return Some(Flaw::TooManyNodes(count));
    }
    flaw_in(graph, &HashSet::new())
}

fn nodes(graph: &GraphProto) -> usize {
    let within = |node: &NodeProto| inner_graphs(node).map(nodes).sum::<usize>();
    graph.node.len() + graph.node.iter().map(within).sum::<usize>()
}

/// `outside` are the values of the graphs around this one.
fn flaw_in<'a>(graph: &'a GraphProto, outside: &HashSet<&'a str>) -> Option<Flaw> {
    let mut known = HashSet::new();
    for tensor in &graph.initializer {
        let is_outside = tensor.data_location == Some(DataLocation::External as i32);
        let lies_twice = is_outside && !tensor.raw_data.is_empty();
        if lies_twice || !known.insert(tensor.name.as_str()) {
            return Some(Flaw::StoredTwice(tensor.name.clone()));
        }
    }
    if let Some(sparse) = graph.sparse_initializer.first() {
        let name = sparse.values.as_ref().map(|values| values.name.clone());
        return Some(Flaw::Sparse(name.unwrap_or_default()));
    }
    known.extend(graph.input.iter().map(|input| input.name.as_str()));
    let mut made = HashMap::new();
    for (place, node) in graph.node.iter().enumerate() {
        for value in node.output.iter().filter(|value| !value.is_empty()) {
            if known.contains(value.as_str()) || made.insert(value.as_str(), place).is_some() {
                return Some(Flaw::MadeTwice {
                    node: node_name(node).to_owned(),
                    value: value.clone(),
                });
            }
        }
    }
    let cycle = cycle(graph, &made);
    if !cycle.is_empty() {
        return Some(Flaw::Cycle(cycle));
    }
    known.extend(made.into_keys());
    known.extend(outside);
    let mut outputs = graph.output.iter().map(|output| &output.name);
    if let Some(output) = outputs.find(|output| !known.contains(output.as_str())) {
        return Some(Flaw::NoOutput(output.clone()));
    }
    let mut inner = graph.node.iter().flat_map(inner_graphs);
    inner.find_map(|graph| flaw_in(graph, &known))
}

/// The nodes that can never run, for they wait for each other: those that are left once every node that waits for
/// nothing has run, again and again.
fn cycle(graph: &GraphProto, made: &HashMap<&str, usize>) -> Vec<String> {
    let makers = |node: &NodeProto| -> HashSet<usize> {
        let inputs = node.input.iter();
        inputs
            .filter_map(|value| made.get(value.as_str()).copied())
            .collect()
    };
    let mut waiting: Vec<usize> = Vec::with_capacity(graph.node.len());
    let mut followers: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, node) in graph.node.iter().enumerate() {
        let makers = makers(node);
        waiting.push(makers.len());
        for maker in makers {
            followers.entry(maker).or_default().push(place);
        }
    }
    let free = waiting.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut free: Vec<usize> = free.map(|(place, _)| place).collect();
    while let Some(place) = free.pop() {
        for follower in followers.remove(&place).unwrap_or_default() {
            let Some(count) = waiting.get_mut(follower) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                free.push(follower);
            }
        }
    }
    let stuck = graph
        .node
        .iter()
        .zip(waiting)
        .filter(|(_, count)| *count > 0);
    stuck.map(|(node, _)| node_name(node).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, SparseTensorProto, TensorProto, ValueInfoProto};

    fn value(name: &str) -> ValueInfoProto {
        ValueInfoProto {
            name: name.to_owned(),
            ..ValueInfoProto::default()
        }
    }

    /// Nodes as `name: inputs -> outputs`.
    fn graph(inputs: &[&str], nodes: &[&str], outputs: &[&str]) -> GraphProto {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let node = |text: &&str| {
            let (name, rest) = text.split_once(':').unwrap();
            let (input, output) = rest.split_once("->").unwrap();
            NodeProto {
                name: name.to_owned(),
                input: words(input),
                output: words(output),
                ..NodeProto::default()
            }
        };
        GraphProto {
            node: nodes.iter().map(node).collect(),
            input: inputs.iter().copied().map(value).collect(),
            output: outputs.iter().copied().map(value).collect(),
            ..GraphProto::default()
        }
    }

    #[track_caller]
    fn check(nodes: &[&str], expected: Option<&str>) {
        let found = flaw(&graph(&["x"], nodes, &["y"]));
        assert_eq!(found.map(|flaw| flaw.to_string()).as_deref(), expected);
    }

    #[test]
    fn a_graph_has_an_order() {
        check(&["a: x -> b", "c: b x -> y"], None);
        check(&["c: b x -> y", "a: x -> b"], None);
        check(&["a: x -> b b2", "c: b b2 b -> y"], None);
        check(&["a: x y -> y"], Some("nodes wait for each other: `a`"));
        check(
            &["a: x c -> b", "c: b -> c", "d: c -> y", "e: x -> z"],
            Some("nodes wait for each other: `a`, `c`, `d`"),
        );
        let ring: Vec<_> = (0..8)
            .map(|n| format!("n{n}: v{n} -> v{}", (n + 1) % 8))
            .collect();
        let mut ring: Vec<_> = ring.iter().map(String::as_str).collect();
        ring.push("y: x -> y");
        check(
            &ring,
            Some("nodes wait for each other: `n0`, `n1`, `n2`, `n3`, `n4` and 3 more"),
        );
    }

    #[test]
    fn a_value_is_made_once() {
        let twice = |node, value| {
            Some(format!(
                "node `{node}` makes the value `{value}`, which is there before"
            ))
        };
        check(&["a: x -> y", "b: x -> y"], twice("b", "y").as_deref());
        check(&["a: x -> y y"], twice("a", "y").as_deref());
        check(&["a: x -> x", "b: x -> y"], twice("a", "x").as_deref());
        check(&[": x -> y", ": x -> y"], twice("y", "y").as_deref());
        let mut stored = graph(&["x"], &["a: x -> w", "b: w -> y"], &["y"]);
        stored.initializer.push(TensorProto {
            name: "w".to_owned(),
            ..TensorProto::default()
        });
        assert!(matches!(flaw(&stored), Some(Flaw::MadeTwice { .. })));
    }

    #[test]
    fn a_tensor_is_stored_once_and_whole() {
        let tensor = |name: &str| TensorProto {
            name: name.to_owned(),
            ..TensorProto::default()
        };
        let twice = |tensors: Vec<TensorProto>| {
            let mut graph = graph(&["x"], &["a: x w -> y"], &["y"]);
            graph.initializer = tensors;
            flaw(&graph).map(|flaw| flaw.to_string())
        };
        assert_eq!(twice(vec![tensor("v"), tensor("w")]), None);
        let told = Some("the tensor `w` is stored twice".to_owned());
        assert_eq!(twice(vec![tensor("w"), tensor("w")]), told);
        let both = TensorProto {
            raw_data: vec![0; 4],
            data_location: Some(1),
            ..tensor("w")
        };
        assert_eq!(twice(vec![both]), told);
        let mut sparse = graph(&["x"], &["a: x w -> y"], &["y"]);
        sparse.sparse_initializer = vec![SparseTensorProto {
            values: Some(tensor("w")),
            ..SparseTensorProto::default()
        }];
        let told = flaw(&sparse).map(|flaw| flaw.to_string());
        let expected = "the tensor `w` is sparse, which is not read: store all of its values";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn an_output_is_made_somewhere() {
        check(&["a: x -> z"], Some("no node makes the output `y`"));
        assert_eq!(flaw(&graph(&["x"], &[], &["x"])), None);
    }

    #[test]
    fn inner_graphs_are_looked_into() {
        let with = |inner: GraphProto| {
            let mut outer = graph(&["x"], &["if: x -> y"], &["y"]);
            outer.node[0].attribute.push(AttributeProto {
                g: Some(inner),
                ..AttributeProto::default()
            });
            flaw(&outer)
        };
        assert_eq!(with(graph(&[], &["a: x -> z"], &["z"])), None);
        assert_eq!(with(graph(&[], &[], &["x"])), None);
        let cycle = with(graph(&[], &["a: z -> z"], &["z"]));
        assert_eq!(cycle, Some(Flaw::Cycle(vec!["a".to_owned()])));
    }

    #[test]
    fn the_number_of_nodes_is_bounded() {
        let chain = |count: usize| {
            let nodes: Vec<_> = (0..count).map(|n| format!("n{n}: x -> v{n}")).collect();
            let nodes: Vec<_> = nodes.iter().map(String::as_str).collect();
            flaw(&graph(&["x"], &nodes, &["v0"]))
        };
        assert_eq!(chain(MAX_NODES), None);
        assert_eq!(
            chain(MAX_NODES + 1),
            Some(Flaw::TooManyNodes(MAX_NODES + 1))
        );
    }
}
