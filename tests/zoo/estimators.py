"""Estimators and pipelines of scikit-learn on one matrix of numbers, exported by skl2onnx."""

import numpy as np
import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn import (
    calibration,
    cluster,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    svm,
    tree,
)
from sklearn import preprocessing as pre
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline, make_union

import rows
from record import Tensors
from rows import Edges

# What an estimator is trained to tell.
CLASSES = {
    "binary": [0, 1],
    "three": [0, 1, 2],
    "numbers": [-3, 7, 40],
    "text": ["low", "middle", "high"],
    "yes": ["no", "yes"],
    "signs": ["größer", "kleiner", "日本", ""],
}
REGRESSION = "number"
POSITIVE = "positive"
NOTHING = "nothing"

TYPES = {np.float32: FloatTensorType, np.float64: DoubleTensorType, np.int64: Int64TensorType}

Built = tuple[onnx.ModelProto, Tensors]


def models() -> dict:
    """A function for each model that trains and exports it."""
    found = {}

    def add(name: str, estimator: BaseEstimator, told: str = NOTHING, edges=Edges.FINITE, **how):
        if name in found:
            raise ValueError(f"two models are named `{name}`")
        found[name] = lambda: build(estimator, told, edges, **how)

    for family in (linear, trees, neighbours, scalers, clusters, others, pipelines):
        family(add)
    return found


def build(
    estimator: BaseEstimator,
    told: str,
    edges: Edges,
    dtype: type = np.float32,
    options: dict | None = None,
    positive: bool = False,
    opset: dict | None = None,
    large: float = 1e4,
) -> Built:
    """Trains, exports with the options of a user, and gives the rows that are asked."""
    x = rows.numbers(1, rows.TRAINED)
    y = labels(x, told)
    if edges is not Edges.FINITE:
        x = rows.with_gaps(x, 2)
    if positive:
        x = np.abs(x)
    estimator.fit(x.astype(dtype), y)
    types = [("X", TYPES[dtype]([None, x.shape[1]]))]
    if options is not None:
        options = {id(estimator): options}
    model = to_onnx(estimator, initial_types=types, options=options, target_opset=opset)
    asked = rows.asked(model, edges, dtype, large)
    return model, {"X": np.abs(asked) if positive else asked}


def labels(x: np.ndarray, told: str) -> np.ndarray | None:
    if told in CLASSES:
        return rows.classes(x, CLASSES[told])
    y = rows.target(x)
    if told == "two-numbers":
        return np.stack([y, x[:, 0] + 2 * x[:, 1]], axis=1)
    return {NOTHING: None, REGRESSION: y, POSITIVE: np.exp(y / 4)}[told]


PLAIN = {"zipmap": False}
COLUMNS = {"zipmap": "columns"}
THREE = {"": 18, "ai.onnx.ml": 3}
OLD = {"": 11, "ai.onnx.ml": 1}
RAW = {"zipmap": False, "raw_scores": True}


def linear(add) -> None:
    logistic = linear_model.LogisticRegression
    add("logistic-binary", logistic(), "binary")
    add("logistic-binary-plain", logistic(), "binary", options=PLAIN)
    add("logistic-multiclass", logistic(), "three")
    add("logistic-multiclass-plain", logistic(), "three", options=PLAIN)
    add("logistic-text-labels", logistic(), "text")
    add("logistic-other-numbers", logistic(), "numbers", options=PLAIN)
    add("logistic-text-columns", logistic(), "text", options=COLUMNS)
    add("logistic-raw", logistic(), "text", options=RAW)
    add("logistic-non-ascii", logistic(), "signs")
    add("logistic-double", logistic(), "three", dtype=np.float64, options=PLAIN)
    add("logistic-integers", logistic(), "text", dtype=np.int64)
    add("logistic-old", logistic(), "text", opset=OLD)
    add("sgd-classifier", linear_model.SGDClassifier(random_state=0), "three")
    add("sgd-log-loss", linear_model.SGDClassifier(loss="log_loss", random_state=0), "yes")
    modified = linear_model.SGDClassifier(loss="modified_huber", random_state=0)
    add("sgd-modified-huber", modified, "text", options=PLAIN)
    add("perceptron", linear_model.Perceptron(random_state=0), "binary")
    add("ridge-classifier", linear_model.RidgeClassifier(), "text")
    add("lda", discriminant_analysis.LinearDiscriminantAnalysis(), "three")
    add("qda", discriminant_analysis.QuadraticDiscriminantAnalysis(), "three", options=PLAIN)
    add("linear-svc", svm.LinearSVC(random_state=0), "text")
    add("linear-regression", linear_model.LinearRegression(), REGRESSION)
    add("linear-regression-double", linear_model.LinearRegression(), REGRESSION, dtype=np.float64)
    add("linear-regression-two", linear_model.LinearRegression(), "two-numbers")
    add("ridge", linear_model.Ridge(), REGRESSION)
    add("lasso", linear_model.Lasso(alpha=0.1), REGRESSION)
    add("elastic-net", linear_model.ElasticNet(alpha=0.1), REGRESSION)
    add("bayesian-ridge", linear_model.BayesianRidge(), REGRESSION)
    add("huber", linear_model.HuberRegressor(max_iter=1000), REGRESSION)
    add("ransac", linear_model.RANSACRegressor(random_state=0), REGRESSION)
    add("sgd-regressor", linear_model.SGDRegressor(random_state=0), REGRESSION)
    add("linear-svr", svm.LinearSVR(random_state=0, max_iter=10000), REGRESSION)
    add("poisson", linear_model.PoissonRegressor(), POSITIVE)
    add("gamma", linear_model.GammaRegressor(), POSITIVE)
    add("tweedie", linear_model.TweedieRegressor(power=1.5, link="log"), POSITIVE)
    add("pls", cross_decomposition.PLSRegression(2), REGRESSION)


def trees(add) -> None:
    seed = {"random_state": 0}
    small = {"max_depth": 5, "random_state": 0}
    few = {"n_estimators": 12, **small}
    gaps = Edges.MISSING
    add("decision-tree", tree.DecisionTreeClassifier(**small), "three")
    add("decision-tree-binary", tree.DecisionTreeClassifier(**small), "binary", options=PLAIN)
    add("decision-tree-missing", tree.DecisionTreeClassifier(**small), "text", gaps)
    add("decision-tree-regressor", tree.DecisionTreeRegressor(**small), REGRESSION)
    add("decision-tree-integers", tree.DecisionTreeRegressor(**small), REGRESSION, dtype=np.int64)
    add("decision-tree-two", tree.DecisionTreeRegressor(**small), "two-numbers")
    path = {"zipmap": False, "decision_path": True}
    add("decision-tree-path", tree.DecisionTreeClassifier(**small), "three", options=path)
    add("extra-tree", tree.ExtraTreeClassifier(**small), "text", options=COLUMNS)
    add("forest-binary", ensemble.RandomForestClassifier(**few), "binary")
    add("forest-binary-plain", ensemble.RandomForestClassifier(**few), "yes", options=PLAIN)
    add("forest-multiclass", ensemble.RandomForestClassifier(**few), "three")
    add("forest-text-labels", ensemble.RandomForestClassifier(**few), "text")
    add("forest-non-ascii", ensemble.RandomForestClassifier(**few), "signs", options=PLAIN)
    add("forest-missing", ensemble.RandomForestClassifier(**few), "binary", gaps)
    deep = ensemble.RandomForestClassifier(40, random_state=0)
    add("forest-deep", deep, "three", options=PLAIN)
    double = ensemble.RandomForestClassifier(**few)
    add("forest-double", double, "three", dtype=np.float64, options=PLAIN)
    add("forest-regressor", ensemble.RandomForestRegressor(**few), REGRESSION)
    add("forest-regressor-missing", ensemble.RandomForestRegressor(**few), REGRESSION, gaps)
    add("forest-regressor-two", ensemble.RandomForestRegressor(**few), "two-numbers")
    add("extra-trees", ensemble.ExtraTreesClassifier(**few), "binary")
    add("extra-trees-regressor", ensemble.ExtraTreesRegressor(**few), REGRESSION)
    boosting = {"n_estimators": 15, "max_depth": 3, **seed}
    add("boosting-binary", ensemble.GradientBoostingClassifier(**boosting), "yes")
    add("boosting-multiclass", ensemble.GradientBoostingClassifier(**boosting), "text")
    add("boosting-regressor", ensemble.GradientBoostingRegressor(**boosting), REGRESSION)
    histogram = {"max_iter": 15, **seed}
    binary = ensemble.HistGradientBoostingClassifier(**histogram)
    add("histogram-binary", binary, "binary", gaps)
    multiclass_ = ensemble.HistGradientBoostingClassifier(**histogram)
    add("histogram-multiclass", multiclass_, "three", gaps, options=PLAIN)
    regressor = ensemble.HistGradientBoostingRegressor(**histogram)
    add("histogram-regressor", regressor, REGRESSION, gaps)
    add("ada-boost", ensemble.AdaBoostClassifier(n_estimators=8, **seed), "three")
    add("ada-boost-regressor", ensemble.AdaBoostRegressor(n_estimators=8, **seed), REGRESSION)
    bagged = tree.DecisionTreeClassifier(**small)
    add("bagging", ensemble.BaggingClassifier(bagged, n_estimators=5, **seed), "three")
    bagged = tree.DecisionTreeRegressor(**small)
    add("bagging-regressor", ensemble.BaggingRegressor(bagged, n_estimators=5, **seed), REGRESSION)
    add("isolation-forest", ensemble.IsolationForest(n_estimators=10, **seed), opset=THREE)
    add("forest-old", ensemble.RandomForestClassifier(**few), "yes", opset=OLD)
    add("forest-regressor-old", ensemble.RandomForestRegressor(**few), REGRESSION, opset=OLD)


def neighbours(add) -> None:
    # Of rows far from all others, rounding of 32-bit floats chooses the neighbours.
    near = {"large": 8.0}
    add("knn-classifier", neighbors.KNeighborsClassifier(), "three", **near)
    weighted = neighbors.KNeighborsClassifier(weights="distance")
    add("knn-weighted", weighted, "text", options=PLAIN, **near)
    add("knn-regressor", neighbors.KNeighborsRegressor(3), REGRESSION, **near)
    add("knn-double", neighbors.KNeighborsRegressor(3), REGRESSION, dtype=np.float64)
    radius = neighbors.RadiusNeighborsRegressor(radius=1e6)
    add("radius-regressor", radius, REGRESSION, dtype=np.float64)
    outliers = neighbors.LocalOutlierFactor(novelty=True)
    add("local-outliers", outliers, dtype=np.float64)
    scaled = make_pipeline(pre.StandardScaler(), neighbors.KNeighborsClassifier(4))
    add("scaled-knn", scaled, "yes", **near)


def scalers(add) -> None:
    missing = Edges.MISSING
    add("standard-scaler", pre.StandardScaler(), edges=missing)
    add("standard-scaler-double", pre.StandardScaler(), edges=missing, dtype=np.float64)
    add("min-max-scaler", pre.MinMaxScaler(clip=True), edges=missing)
    add("max-abs-scaler", pre.MaxAbsScaler(), edges=missing)
    add("robust-scaler", pre.RobustScaler(), edges=missing)
    for norm in ("l1", "l2", "max"):
        add(f"normalizer-{norm}", pre.Normalizer(norm))
    add("normalizer-double", pre.Normalizer("l2"), dtype=np.float64)
    add("binarizer", pre.Binarizer(threshold=0.25))
    bins = {"n_bins": 4, "quantile_method": "averaged_inverted_cdf"}
    add("bins-one-hot", pre.KBinsDiscretizer(encode="onehot-dense", **bins))
    add("bins-ordinal", pre.KBinsDiscretizer(encode="ordinal", **bins))
    add("polynomials", pre.PolynomialFeatures(2))
    add("interactions", pre.PolynomialFeatures(3, interaction_only=True, include_bias=False))
    add("power-transformer", pre.PowerTransformer())
    add("quantile-transformer", pre.QuantileTransformer(n_quantiles=20))
    for strategy in ("mean", "median", "most_frequent"):
        add(f"imputer-{strategy}", impute.SimpleImputer(strategy=strategy), edges=missing)
    constant = impute.SimpleImputer(strategy="constant", fill_value=-1.5)
    add("imputer-constant", constant, edges=missing)
    add("standard-scaler-integers", pre.StandardScaler(), dtype=np.int64)
    add("standard-scaler-old", pre.StandardScaler(), edges=missing, opset=OLD)
    marked = impute.SimpleImputer(add_indicator=True)
    add("imputer-indicator", marked, edges=missing)
    add("variance-threshold", feature_selection.VarianceThreshold(0.3))
    add("select-best", feature_selection.SelectKBest(k=3), "three")
    eliminated = feature_selection.RFE(linear_model.LinearRegression(), n_features_to_select=3)
    add("recursive-elimination", eliminated, REGRESSION)


def clusters(add) -> None:
    seed = {"random_state": 0}
    add("k-means", cluster.KMeans(4, n_init=2, **seed))
    add("k-means-double", cluster.KMeans(3, n_init=2, **seed), dtype=np.float64)
    add("mini-batch-k-means", cluster.MiniBatchKMeans(4, n_init=2, **seed))
    add("gaussian-mixture", mixture.GaussianMixture(3, **seed), dtype=np.float64)
    diagonal = mixture.GaussianMixture(3, covariance_type="diag", **seed)
    add("gaussian-mixture-diagonal", diagonal, dtype=np.float64)
    add("pca", decomposition.PCA(3, **seed))
    add("pca-whitened", decomposition.PCA(3, whiten=True, **seed))
    add("incremental-pca", decomposition.IncrementalPCA(3))
    add("truncated-svd", decomposition.TruncatedSVD(3, **seed))
    kernel = decomposition.KernelPCA(3, kernel="rbf", gamma=0.1, **seed)
    add("kernel-pca", kernel, dtype=np.float64)


def others(add) -> None:
    seed = {"random_state": 0}
    for kernel in ("rbf", "linear", "poly", "sigmoid"):
        add(f"svc-{kernel}", svm.SVC(kernel=kernel), "three")
    add("svc-binary", svm.SVC(), "yes")
    calibrated = svm.SVC(probability=True, **seed)
    add("svc-probability", calibrated, "binary")
    add("svc-probability-multiclass", svm.SVC(probability=True, **seed), "text", options=PLAIN)
    add("nu-svc", svm.NuSVC(nu=0.3), "text")
    add("svr", svm.SVR(), REGRESSION)
    add("svr-linear", svm.SVR(kernel="linear"), REGRESSION)
    add("nu-svr-poly", svm.NuSVR(kernel="poly", degree=2), REGRESSION)
    add("one-class-svm", svm.OneClassSVM(nu=0.2))
    add("gaussian-nb", naive_bayes.GaussianNB(), "three")
    add("bernoulli-nb", naive_bayes.BernoulliNB(), "yes")
    add("multinomial-nb", naive_bayes.MultinomialNB(), "three", positive=True)
    add("complement-nb", naive_bayes.ComplementNB(), "text", positive=True)
    nets = {"hidden_layer_sizes": (8, 4), "max_iter": 300, **seed}
    add("mlp-binary", neural_network.MLPClassifier(**nets), "yes")
    add("mlp-multiclass", neural_network.MLPClassifier(**nets), "text", options=PLAIN)
    tanh = neural_network.MLPRegressor(activation="tanh", **nets)
    add("mlp-regressor", tanh, REGRESSION)
    process = gaussian_process.GaussianProcessRegressor(alpha=0.1)
    add("gaussian-process", process, REGRESSION, dtype=np.float64)
    logistic = linear_model.LogisticRegression
    sigmoid = calibration.CalibratedClassifierCV(svm.LinearSVC(**seed), cv=2)
    add("calibrated-sigmoid", sigmoid, "three")
    forest = ensemble.RandomForestClassifier(5, max_depth=3, **seed)
    isotonic = calibration.CalibratedClassifierCV(forest, method="isotonic", cv=2)
    add("calibrated-isotonic", isotonic, "binary", options=PLAIN)
    add("one-versus-rest", multiclass.OneVsRestClassifier(logistic()), "text")
    add("one-versus-one", multiclass.OneVsOneClassifier(logistic()), "three")
    two = multioutput.MultiOutputRegressor(linear_model.Ridge())
    add("multi-output-regressor", two, "two-numbers")


def pipelines(add) -> None:
    small = {"max_depth": 4, "random_state": 0}
    logistic = linear_model.LogisticRegression
    add("scaled-logistic", make_pipeline(pre.StandardScaler(), logistic()), "three")
    filled = make_pipeline(impute.SimpleImputer(), pre.MinMaxScaler(), logistic())
    add("imputed-logistic", filled, "text", Edges.MISSING)
    forest = ensemble.RandomForestClassifier(10, **small)
    filled = make_pipeline(impute.SimpleImputer(strategy="median"), forest)
    add("imputed-forest", filled, "yes", Edges.MISSING)
    reduced = make_pipeline(pre.StandardScaler(), decomposition.PCA(3), svm.SVC())
    add("pca-svc", reduced, "three")
    both = make_union(pre.StandardScaler(), decomposition.PCA(2))
    add("union-ridge", make_pipeline(both, linear_model.Ridge()), REGRESSION)
    cubed = make_pipeline(pre.PolynomialFeatures(2), pre.StandardScaler(), linear_model.Ridge())
    add("polynomial-ridge", cubed, REGRESSION)
    voters = [("l", logistic()), ("t", tree.DecisionTreeClassifier(**small))]
    soft = ensemble.VotingClassifier(voters, voting="soft", flatten_transform=False)
    add("voting-soft", soft, "three")
    hard = ensemble.VotingClassifier(voters, flatten_transform=False)
    add("voting-hard", hard, "three", options=PLAIN)
    guessers = [("l", linear_model.Ridge()), ("t", tree.DecisionTreeRegressor(**small))]
    add("voting-regressor", ensemble.VotingRegressor(guessers), REGRESSION)
    add("stacking", ensemble.StackingClassifier(voters, cv=2), "yes")
    add("stacking-regressor", ensemble.StackingRegressor(guessers, cv=2), REGRESSION)
    best = feature_selection.SelectKBest(k=3)
    add("selected-tree", make_pipeline(best, tree.DecisionTreeClassifier(**small)), "three")
