"""Pipelines on columns of several types, and on text, exported by skl2onnx."""

import numpy as np
import pandas
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn import ensemble, impute, linear_model, naive_bayes, svm, tree
from sklearn import preprocessing as pre
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_extraction import text as texts
from sklearn.pipeline import Pipeline, make_pipeline

import rows
from estimators import CLASSES, PLAIN, Built
from record import Tensors

CITIES = ["Köln", "Paris", "東京", "New York", "", "são paulo"]
COLOURS = ["red", "green", "Blue"]
SIZES = ["small", "medium", "large"]
UNSEEN = ["Berlin", "paris", " Paris", "", "東", "🙂", "Köln", "x" * 300]

WORDS = "the a cat dog runs eats fast slow Grüße straße naïve café 東京 2026 can't e-mail".split()
SENTENCES = [
    "",
    " ",
    "...",
    "cat",
    "CAT dog CAT",
    "unseen words only",
    "Grüße aus der Straße, GRÜSSE!",
    "can't stop; e-mail me @ 9 a.m.",
    "tabs\tand\nlines\r\nand  spaces",
    "東京 🙂 naïve café",
    "cat " * 200,
    "ﬁne İstanbul ẞ",
]


def models() -> dict:
    """A function for each model that trains and exports it."""
    return {
        name: function for part in (encoders(), columns(), vectorisers()) for name, function in part
    }


def frame(seed: int, count: int) -> pandas.DataFrame:
    """Two numbers with gaps, an integer, and three columns of text."""
    random = np.random.default_rng(seed)
    x = rows.numbers(seed, count)
    return pandas.DataFrame(
        {
            "age": rows.with_gaps(x[:, 0], seed),
            "income": x[:, 4],
            "visits": x[:, 2].astype(np.int64),
            "city": random.choice(CITIES, count).astype(object),
            "colour": random.choice(COLOURS, count).astype(object),
            "size": random.choice(SIZES, count).astype(object),
        }
    )


def told(table: pandas.DataFrame, labels: list | None) -> np.ndarray:
    """What is to be learned, from all columns."""
    value = (
        table["income"].to_numpy()
        + np.nan_to_num(table["age"].to_numpy())
        + table["visits"].to_numpy() / 2
        + table["city"].isin(CITIES[:3]).to_numpy() * 2.0
        + (table["size"] == "large").to_numpy()
    )
    if labels is None:
        return value
    cuts = np.quantile(value, np.linspace(0, 1, len(labels) + 1)[1:-1])
    return np.array(labels)[np.searchsorted(cuts, value)]


def tensors(table: pandas.DataFrame) -> Tensors:
    return {name: table[[name]].to_numpy() for name in table.columns}


def types(table: pandas.DataFrame) -> list:
    """One input of one column for each column, as skl2onnx wants it of a table."""
    kinds = {"f": FloatTensorType, "i": Int64TensorType, "O": StringTensorType}
    return [(name, kinds[table[name].dtype.kind]([None, 1])) for name in table.columns]


def unseen(table: pandas.DataFrame) -> pandas.DataFrame:
    """Rows with text that no training row has."""
    extra = table.iloc[: len(UNSEEN)].copy()
    extra["city"] = np.array(UNSEEN, object)
    both = extra.copy()
    both["colour"] = np.array(UNSEEN[::-1], object)
    both["size"] = np.array(UNSEEN, object)
    gaps = table.iloc[:2].copy()
    gaps["age"] = np.array([np.nan, -0.0], np.float32)
    return pandas.concat([table, extra, both, gaps], ignore_index=True)


def table_model(
    estimator: BaseEstimator,
    labels: list | None = None,
    used: list[str] | None = None,
    only_seen: bool = False,
    options: dict | None = None,
) -> Built:
    """Trains on the columns that are used, exports, and gives rows with seen and unseen text."""
    trained, asked = frame(11, rows.TRAINED), frame(12, rows.ASKED)
    y = told(trained, labels)
    asked = asked if only_seen else unseen(asked)
    if used is not None:
        trained, asked = trained[used], asked[used]
    estimator.fit(trained, y)
    if options is not None:
        options = {id(estimator): options}
    model = to_onnx(estimator, initial_types=types(trained), options=options)
    return model, tensors(asked)


def encoders() -> list:
    text = ["city", "colour"]
    ignore = {"handle_unknown": "ignore", "sparse_output": False}
    unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}

    def case(name: str, encoder: BaseEstimator, used: list[str] = text, **how) -> tuple:
        return name, lambda: table_model(encoder, used=used, **how)

    return [
        case("one-hot", pre.OneHotEncoder(**ignore)),
        case("one-hot-seen", pre.OneHotEncoder(sparse_output=False), only_seen=True),
        case("one-hot-drop", pre.OneHotEncoder(drop="first", sparse_output=False), only_seen=True),
        case("one-hot-integers", pre.OneHotEncoder(**ignore), ["visits"]),
        case("one-hot-rare", pre.OneHotEncoder(min_frequency=45, **infrequent()), only_seen=True),
        case("ordinal", pre.OrdinalEncoder(**unknown)),
        case("ordinal-seen", pre.OrdinalEncoder(), only_seen=True),
        case("ordinal-given", pre.OrdinalEncoder(categories=[SIZES], **unknown), ["size"]),
        case("ordinal-integers", pre.OrdinalEncoder(**unknown), ["visits"]),
        case("target-encoder", pre.TargetEncoder(random_state=0), text, labels=None),
        ("label-encoder", label_encoder),
        ("label-binarizer", label_binarizer),
    ]


def infrequent() -> dict:
    return {"handle_unknown": "infrequent_if_exist", "sparse_output": False}


def label_encoder() -> Built:
    encoder = pre.LabelEncoder().fit(CITIES)
    model = to_onnx(encoder, initial_types=[("X", StringTensorType([None]))])
    seen = np.random.default_rng(5).choice(CITIES, rows.ASKED).astype(object)
    return model, {"X": np.concatenate([seen, np.array(UNSEEN, object)])}


def label_binarizer() -> Built:
    binarizer = pre.LabelBinarizer().fit([0, 1, 5, 9])
    model = to_onnx(binarizer, initial_types=[("X", Int64TensorType([None]))])
    return model, {"X": np.random.default_rng(5).integers(-1, 11, rows.ASKED)}


def prepared(encoder: BaseEstimator | None = None) -> ColumnTransformer:
    """What tutorials do: numbers filled and scaled, text encoded."""
    numbers = make_pipeline(impute.SimpleImputer(strategy="median"), pre.StandardScaler())
    encoder = encoder or pre.OneHotEncoder(handle_unknown="ignore")
    return make_column_transformer(
        (numbers, ["age", "income"]), (encoder, ["city", "colour", "size"])
    )


def columns() -> list:
    small = {"max_depth": 4, "random_state": 0}
    logistic = linear_model.LogisticRegression
    ordinal = pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    used = ["age", "income", "city", "colour", "size"]
    text = CLASSES["text"]

    def case(name: str, *steps: BaseEstimator, **how) -> tuple:
        return name, lambda: table_model(make_pipeline(*steps), used=used, **how)

    forest = ensemble.RandomForestClassifier(10, **small)
    boosting = ensemble.GradientBoostingClassifier(n_estimators=10, max_depth=3, random_state=0)
    histogram = ensemble.HistGradientBoostingRegressor(max_iter=10, random_state=0)
    kept = make_column_transformer(
        (ordinal, ["city", "colour", "size"]),
        (impute.SimpleImputer(), ["age"]),
        remainder="passthrough",
    )
    return [
        case("columns-logistic", prepared(), logistic(), labels=CLASSES["yes"]),
        case("columns-logistic-plain", prepared(), logistic(), labels=text, options=PLAIN),
        case("columns-ridge", prepared(), linear_model.Ridge()),
        case("columns-forest", prepared(), forest, labels=text),
        case("columns-tree", prepared(ordinal), tree.DecisionTreeRegressor(**small)),
        case("columns-boosting", prepared(ordinal), boosting, labels=CLASSES["binary"]),
        case("columns-histogram", prepared(ordinal), histogram),
        case("columns-svc", prepared(), svm.SVC(), labels=CLASSES["three"]),
        case("columns-passthrough", kept, linear_model.Ridge()),
    ]


def vectorisers() -> list:
    def case(name: str, *steps: BaseEstimator, **how) -> tuple:
        return name, lambda: text_model(make_pipeline(*steps), **how)

    count, weighted = texts.CountVectorizer, texts.TfidfVectorizer
    pairs = {"ngram_range": (1, 2)}
    pattern = {"token_pattern": r"[a-zA-Z]+"}
    letters = {"analyzer": "char", "ngram_range": (2, 2)}
    logistic = linear_model.LogisticRegression
    stochastic = linear_model.SGDClassifier(loss="log_loss", random_state=0)
    return [
        case("count-vectoriser", count()),
        case("count-vectoriser-pairs", count(**pairs)),
        case("count-vectoriser-pattern", count(**pattern)),
        case("count-vectoriser-binary", count(binary=True, lowercase=False)),
        case("count-vectoriser-stop-words", count(stop_words=["the", "a"])),
        case("tfidf-vectoriser", weighted()),
        case("tfidf-vectoriser-sublinear", weighted(sublinear_tf=True, norm="l1", **pairs)),
        case("tfidf-characters", weighted(**letters)),
        case("tfidf-logistic", weighted(), logistic(), labels=CLASSES["text"]),
        case("tfidf-sgd", weighted(**pattern), stochastic, labels=CLASSES["yes"]),
        case("count-bayes", count(), naive_bayes.MultinomialNB(), labels=CLASSES["three"]),
    ]


def sentences(seed: int, count: int) -> list[str]:
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 12, count)
    return [" ".join(random.choice(WORDS, length)) for length in lengths]


def text_model(estimator: Pipeline, labels: list | None = None) -> Built:
    trained = sentences(21, rows.TRAINED)
    y = [labels[len(sentence) % len(labels)] for sentence in trained] if labels else None
    estimator.fit(trained, y)
    model = to_onnx(estimator, initial_types=[("text", StringTensorType([None]))])
    asked = sentences(22, rows.ASKED) + SENTENCES
    return model, {"text": np.array(asked, object)}
