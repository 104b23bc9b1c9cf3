"""Models of XGBoost, LightGBM and CatBoost, exported as their users do."""

import tempfile
from pathlib import Path

import catboost
import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import common, to_onnx, update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)
from sklearn import preprocessing as pre
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

import rows
from estimators import CLASSES, PLAIN, POSITIVE, REGRESSION, Built, labels
from rows import Edges

# All of them send missing values down a branch they learned.
SMALL = {"n_estimators": 12, "max_depth": 4}
ONE_THREAD = {"n_jobs": 1, "random_state": 0}


def models() -> dict:
    """A function for each model that trains and exports it."""
    register()
    return {**xgboost_models(), **lightgbm_models(), **catboost_models()}


def trained(told: str, gaps: bool) -> tuple[np.ndarray, np.ndarray]:
    x = rows.numbers(1, rows.TRAINED)
    y = labels(x, told)
    return (rows.with_gaps(x, 2) if gaps else x), y


def asked(model: onnx.ModelProto, name: str, edges: Edges = Edges.ANY) -> Built:
    return model, {name: rows.asked(model, edges)}


def register() -> None:
    """What makes both known to pipelines of scikit-learn, from the manual of skl2onnx."""
    zipmap = {"options": {"nocl": [True, False], "zipmap": [True, False, "columns"]}}
    classifier, regressor = (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    for model, name, shapes, convert, options in [
        (xgboost.XGBClassifier, "XGBoostXGBClassifier", classifier, convert_xgboost, zipmap),
        (xgboost.XGBRegressor, "XGBoostXGBRegressor", regressor, convert_xgboost, {}),
        (lightgbm.LGBMClassifier, "LightGbmLGBMClassifier", classifier, convert_lightgbm, zipmap),
    ]:
        update_registered_converter(model, name, shapes, convert, **options)


def in_pipeline(booster: BaseEstimator, told: str, options: dict | None = None) -> Built:
    x, y = trained(told, gaps=False)
    pipeline = make_pipeline(pre.StandardScaler(), booster).fit(x, y)
    opset = {"": 18, "ai.onnx.ml": 3}
    options = None if options is None else {id(booster): options}
    types = [("X", common.data_types.FloatTensorType([None, x.shape[1]]))]
    model = to_onnx(pipeline, initial_types=types, options=options, target_opset=opset)
    return asked(model, "X", Edges.MISSING)


def xgboost_models() -> dict:
    def case(told: str, gaps: bool = False, **how):
        def build() -> Built:
            kind = xgboost.XGBClassifier if told in CLASSES else xgboost.XGBRegressor
            x, y = trained(told, gaps)
            booster = kind(**{**SMALL, **ONE_THREAD, **how}).fit(x, y)
            types = [("input", FloatTensorType([None, x.shape[1]]))]
            return asked(onnxmltools.convert_xgboost(booster, initial_types=types), "input")

        return build

    pipelined = xgboost.XGBClassifier(**SMALL, **ONE_THREAD)
    return {
        "xgboost-binary": case("binary"),
        "xgboost-binary-missing": case("binary", gaps=True),
        "xgboost-multiclass": case("three"),
        "xgboost-regressor": case(REGRESSION),
        "xgboost-regressor-missing": case(REGRESSION, gaps=True),
        "xgboost-poisson": case(POSITIVE, objective="count:poisson"),
        "xgboost-squared-log": case(POSITIVE, objective="reg:squaredlogerror"),
        "xgboost-forest": case(REGRESSION, num_parallel_tree=4, n_estimators=3, subsample=0.7),
        "xgboost-deep": case("three", max_depth=8, n_estimators=30),
        "xgboost-pipeline": lambda: in_pipeline(pipelined, "three"),
    }


def lightgbm_models() -> dict:
    def case(told: str, gaps: bool = False, zipmap: bool = True, **how):
        def build() -> Built:
            kind = lightgbm.LGBMClassifier if told in CLASSES else lightgbm.LGBMRegressor
            x, y = trained(told, gaps)
            settings = {**SMALL, **ONE_THREAD, "verbose": -1, "deterministic": True, **how}
            booster = kind(**settings).fit(x, y)
            types = [("input", FloatTensorType([None, x.shape[1]]))]
            model = onnxmltools.convert_lightgbm(booster, initial_types=types, zipmap=zipmap)
            return asked(model, "input")

        return build

    pipelined = lightgbm.LGBMClassifier(**SMALL, **ONE_THREAD, verbose=-1)
    return {
        "lightgbm-binary": case("binary"),
        "lightgbm-binary-plain": case("binary", zipmap=False),
        "lightgbm-binary-missing": case("yes", gaps=True),
        "lightgbm-multiclass": case("three"),
        "lightgbm-text-labels": case("text", zipmap=False),
        "lightgbm-one-versus-all": case("three", zipmap=False, objective="multiclassova"),
        "lightgbm-regressor": case(REGRESSION),
        "lightgbm-regressor-missing": case(REGRESSION, gaps=True),
        "lightgbm-poisson": case(POSITIVE, objective="poisson"),
        "lightgbm-zero-as-missing": case(REGRESSION, zero_as_missing=True),
        "lightgbm-forest": case(
            "binary", boosting_type="rf", subsample=0.7, subsample_freq=1, zipmap=False
        ),
        "lightgbm-pipeline": lambda: in_pipeline(pipelined, "text", PLAIN),
    }


def catboost_models() -> dict:
    def case(told: str, gaps: bool = False, **how):
        def build() -> Built:
            kind = catboost.CatBoostClassifier if told in CLASSES else catboost.CatBoostRegressor
            settings = {"iterations": 12, "depth": 4, "random_seed": 0, "thread_count": 1}
            quiet = {"verbose": False, "allow_writing_files": False}
            booster = kind(**{**settings, **quiet, **how}).fit(*trained(told, gaps))
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "model.onnx"
                booster.save_model(str(file), format="onnx")
                return asked(onnx.load(file), "features")

        return build

    return {
        "catboost-binary": case("binary"),
        "catboost-binary-missing": case("binary", gaps=True),
        "catboost-multiclass": case("three"),
        "catboost-text-labels": case("text"),
        "catboost-binary-text": case("yes"),
        "catboost-regressor": case(REGRESSION),
        "catboost-regressor-missing": case(REGRESSION, gaps=True),
        "catboost-missing-as-most": case(REGRESSION, gaps=True, nan_mode="Max"),
        "catboost-poisson": case(POSITIVE, loss_function="Poisson"),
    }
