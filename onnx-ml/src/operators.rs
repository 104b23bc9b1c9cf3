//! Every operator of this crate, by the name that files have for it.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::TractResult;

use crate::tract::Built;
use crate::{file, maps, ml, standard, text};

/// What builds an operator from its node.
type Builder = fn(&ParsingContext<'_>, &NodeProto) -> TractResult<Built>;

/// The operators of the domain `ai.onnx.ml`.
pub(crate) const ML: &[(&str, Builder)] = &[
    (
        "ArrayFeatureExtractor",
        ml::feature_extractor::feature_extractor,
    ),
    ("Binarizer", ml::normalizer::binarizer),
    ("CastMap", maps::map),
    ("CategoryMapper", ml::label_encoder::category_mapper),
    ("DictVectorizer", maps::map),
    (
        "FeatureVectorizer",
        ml::feature_vectorizer::feature_vectorizer,
    ),
    ("Imputer", ml::imputer::imputer),
    ("LabelEncoder", ml::label_encoder::label_encoder),
    ("LinearClassifier", ml::linear::classifier),
    ("LinearRegressor", ml::linear::regressor),
    ("Normalizer", ml::normalizer::normalizer),
    ("OneHotEncoder", ml::one_hot_encoder::one_hot_encoder),
    ("Scaler", ml::scaler::scaler),
    ("SVMClassifier", ml::svm::classifier),
    ("SVMRegressor", ml::svm::regressor),
    ("TreeEnsemble", ml::trees::ensemble),
    ("TreeEnsembleClassifier", ml::trees::classifier),
    ("TreeEnsembleRegressor", ml::trees::regressor),
    ("ZipMap", maps::map),
];

/// Those of the standard domain, and `Tokenizer` of `com.microsoft`.
pub(crate) const STANDARD: &[(&str, Builder)] = &[
    ("AffineGrid", standard::affine_grid::affine_grid),
    ("ArgMax", standard::arg_max::arg_max),
    ("ArgMin", standard::arg_max::arg_min),
    ("Attention", standard::attention::attention),
    (
        "BatchNormalization",
        standard::batch_normalization::normalization,
    ),
    ("BitCast", standard::bits::bit_cast),
    ("BitShift", standard::bits::shift),
    ("Cast", standard::cast::cast),
    ("CastLike", standard::cast::cast_like),
    (
        "CausalConvWithState",
        standard::stateful::convolution::convolution,
    ),
    ("Celu", standard::activation::celu),
    ("CenterCropPad", standard::center_crop_pad::center_crop_pad),
    ("Clip", standard::clip::clip),
    ("Col2Im", standard::column_image::image_of_columns),
    ("Compress", standard::compress::compress),
    (
        "ConstantOfShape",
        standard::constant_of_shape::constant_of_shape,
    ),
    ("ConvTranspose", standard::convolution::transposed),
    ("CumProd", standard::cumulative::products),
    ("DeformConv", standard::deformed::deformed),
    ("Det", standard::determinant::determinant),
    ("Einsum", standard::einsum::einsum),
    ("Expand", standard::repeat::repeat),
    ("Flatten", standard::reshape::reshape),
    ("GatherND", standard::indices::gather),
    ("Gemm", standard::gemm::gemm),
    ("GRU", standard::recurrence::gru),
    ("If", standard::branches::branches),
    (
        "LinearAttention",
        standard::stateful::linear_attention::linear_attention,
    ),
    ("LogSoftmax", standard::log_sum_exp::log_softmax),
    ("LpPool", standard::pooling::lp_pool),
    ("LayerNormalization", standard::normalization::normalization),
    ("LSTM", standard::recurrence::lstm),
    ("MatMul", standard::matmul::product),
    ("MaxUnpool", standard::pooling::max_unpool),
    ("NegativeLogLikelihoodLoss", standard::loss::loss),
    ("OneHot", standard::indices::one_hot),
    ("Pad", standard::pad::pad),
    ("Range", standard::range::range),
    ("RMSNormalization", standard::normalization::normalization),
    ("ReduceLogSumExp", standard::log_sum_exp::reduce),
    ("ReduceMax", standard::reduce::reduce),
    ("ReduceMin", standard::reduce::reduce),
    ("RegexFullMatch", text::full_match::full_match),
    ("Reshape", standard::reshape::reshape),
    ("Resize", standard::resize::resize),
    (
        "ReverseSequence",
        standard::reverse_sequence::reverse_sequence,
    ),
    ("RNN", standard::recurrence::rnn),
    ("Scan", standard::scan::scan),
    ("ScatterND", standard::indices::scatter),
    ("SequenceAt", standard::sequence::at),
    ("Shape", standard::shape::shape),
    ("Size", standard::shape::size),
    ("Softmax", standard::softmax::softmax),
    ("SoftmaxCrossEntropyLoss", standard::loss::loss),
    ("Softplus", standard::activation::softplus),
    ("SpaceToDepth", standard::space_to_depth::space_to_depth),
    ("SplitToSequence", standard::sequence::split),
    ("StringConcat", text::concat::concat),
    ("StringNormalizer", text::normalizer::normalizer),
    ("StringSplit", text::split::split),
    ("TensorScatter", standard::stateful::scatter::scatter),
    ("TfIdfVectorizer", text::vectorizer::vectorizer),
    ("Tile", standard::repeat::repeat),
    ("Tokenizer", text::tokenizer::tokenizer),
    ("Unique", standard::unique::unique),
    ("Upsample", standard::resize::upsample),
    (file::external::OPERATOR, file::external::built),
];
