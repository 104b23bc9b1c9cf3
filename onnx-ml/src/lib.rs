//! The `ai.onnx.ml` operators that tract lacks and the standard ones it gets wrong, registered
//! into tract.
//!
//! One module an operator family. An operator is right or refused when the model is loaded: what
//! is known to be wrong in tract is named by [`unsupported`]. Reading files, planning and running
//! are tract's.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod activation;
mod affine_grid;
mod batch_normalization;
mod bits;
mod attention;
mod arg_max;
mod branches;
mod cast;
mod center_crop_pad;
mod classes;
mod column_image;
mod convolution;
mod cumulative;
mod deformed;
mod determinant;
mod clip;
mod compress;
mod constant_of_shape;
mod einsum;
mod elements;
mod elementwise;
mod feature_extractor;
mod feature_vectorizer;
pub mod file;
mod gemm;
mod graph;
mod imputer;
mod indices;
mod kernel;
mod label_encoder;
mod linear;
mod log_sum_exp;
mod lookup;
mod loss;
mod maps;
mod matmul;
mod normalizer;
mod one_hot_encoder;
mod pad;
mod pooling;
mod post_transform;
mod range;
mod recurrence;
mod reduce;
mod repeat;
mod resize;
mod reverse_sequence;
mod scaler;
mod sequence;
mod scan;
mod shape;
mod sized;
mod space_to_depth;
mod stateful;
mod softmax;
mod svm;
#[cfg(test)]
mod testing;
mod text;
mod tract;
mod trees;
mod unfit;
mod unique;
mod unsupported;

use tract_onnx::Onnx;

pub use graph::{inner_graphs, node_name, operator_name};
pub use maps::{Columns, FlatMaps, Labels, flatten_maps};
pub use unfit::Unfit;
pub use unsupported::{Reason, Unsupported, unsupported};

/// tract's ONNX reader with the operators of this crate.
///
/// Shapes that the file declares for values inside the graph and for its outputs are ignored:
/// exporters write them wrongly often enough, and tract infers them from the inputs.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx()
        .with_ignore_value_info(true)
        .with_ignore_output_shapes(true)
        .with_ignore_output_types(true);
    register(&mut onnx);
    onnx
}

/// Adds the operators of this crate to a reader.
pub fn register(onnx: &mut Onnx) {
    let operators = &mut onnx.op_register;
    operators.insert(
        "ArrayFeatureExtractor",
        feature_extractor::feature_extractor,
    );
    operators.insert("Attention", attention::attention);
    operators.insert("ArgMax", arg_max::arg_max);
    operators.insert("ArgMin", arg_max::arg_min);
    operators.insert("Binarizer", normalizer::binarizer);
    operators.insert("BitCast", bits::bit_cast);
    operators.insert("BitShift", bits::shift);
    operators.insert("Cast", cast::cast);
    operators.insert("CastLike", cast::cast_like);
    operators.insert("CausalConvWithState", stateful::convolution::convolution);
    operators.insert("CastMap", maps::map);
    operators.insert("CategoryMapper", label_encoder::category_mapper);
    operators.insert("Celu", activation::celu);
    operators.insert("Clip", clip::clip);
    operators.insert("Compress", compress::compress);
    operators.insert("ConstantOfShape", constant_of_shape::constant_of_shape);
    operators.insert("DictVectorizer", maps::map);
    operators.insert("Einsum", einsum::einsum);
    operators.insert("Expand", repeat::repeat);
    operators.insert("FeatureVectorizer", feature_vectorizer::feature_vectorizer);
    operators.insert("GatherND", indices::gather);
    operators.insert("Gemm", gemm::gemm);
    operators.insert("GRU", recurrence::gru);
    operators.insert("If", branches::branches);
    operators.insert("Imputer", imputer::imputer);
    operators.insert("LabelEncoder", label_encoder::label_encoder);
    operators.insert("LinearClassifier", linear::classifier);
    operators.insert("LinearRegressor", linear::regressor);
    operators.insert(
        "LinearAttention",
        stateful::linear_attention::linear_attention,
    );
    operators.insert("TensorScatter", stateful::scatter::scatter);
    operators.insert("LSTM", recurrence::lstm);
    operators.insert("LogSoftmax", log_sum_exp::log_softmax);
    operators.insert("Normalizer", normalizer::normalizer);
    operators.insert("OneHot", indices::one_hot);
    operators.insert("OneHotEncoder", one_hot_encoder::one_hot_encoder);
    operators.insert("Range", range::range);
    operators.insert("RNN", recurrence::rnn);
    operators.insert("ReduceLogSumExp", log_sum_exp::reduce);
    operators.insert("ReduceMax", reduce::reduce);
    operators.insert("ReduceMin", reduce::reduce);
    operators.insert("Resize", resize::resize);
    operators.insert("ReverseSequence", reverse_sequence::reverse_sequence);
    operators.insert("SVMClassifier", svm::classifier);
    operators.insert("SVMRegressor", svm::regressor);
    operators.insert("Scaler", scaler::scaler);
    operators.insert("Scan", scan::scan);
    operators.insert("ScatterND", indices::scatter);
    operators.insert("SequenceAt", sequence::at);
    operators.insert("Shape", shape::shape);
    operators.insert("Size", shape::size);
    operators.insert("Softmax", softmax::softmax);
    operators.insert("Softplus", activation::softplus);
    operators.insert("SplitToSequence", sequence::split);
    operators.insert("Tile", text::tile::tile);
    operators.insert("Tile", repeat::repeat);
    operators.insert("TreeEnsemble", trees::ensemble);
    operators.insert("TreeEnsembleClassifier", trees::classifier);
    operators.insert("TreeEnsembleRegressor", trees::regressor);
    operators.insert("AffineGrid", affine_grid::affine_grid);
    operators.insert("BatchNormalization", batch_normalization::normalization);
    operators.insert("CenterCropPad", center_crop_pad::center_crop_pad);
    operators.insert("Col2Im", column_image::image_of_columns);
    operators.insert("ConvTranspose", convolution::transposed);
    operators.insert("CumProd", cumulative::products);
    operators.insert("DeformConv", deformed::deformed);
    operators.insert("Det", determinant::determinant);
    operators.insert("LpPool", pooling::lp_pool);
    operators.insert("MatMul", matmul::product);
    operators.insert("MaxUnpool", pooling::max_unpool);
    operators.insert("NegativeLogLikelihoodLoss", loss::loss);
    operators.insert("Pad", pad::pad);
    operators.insert("SoftmaxCrossEntropyLoss", loss::loss);
    operators.insert("SpaceToDepth", space_to_depth::space_to_depth);
    operators.insert("Upsample", resize::upsample);
    operators.insert("ZipMap", maps::map);
    operators.insert("RegexFullMatch", text::full_match::full_match);
    operators.insert("StringConcat", text::concat::concat);
    operators.insert("StringSplit", text::split::split);
    operators.insert("StringNormalizer", text::normalizer::normalizer);
    operators.insert("TfIdfVectorizer", text::vectorizer::vectorizer);
    operators.insert("Tokenizer", text::tokenizer::tokenizer);
    operators.insert("Unique", unique::unique);
}
