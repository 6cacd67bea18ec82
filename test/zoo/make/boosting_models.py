"""LightGBM and XGBoost by onnxmltools, CatBoost by its own exporter (which onnxmltools calls, too): a regressor, a classifier, a ranker of each."""
import tempfile

import catboost
import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

import zoo

rng = np.random.default_rng(11)
X = rng.normal(size=(600, 8)).astype(np.float32)
Y = 2 * X[:, 0] - X[:, 1] * X[:, 2] + np.sin(3 * X[:, 3])
BINARY = (Y > 0).astype(int)
CLASS = (Y > -1).astype(int) + (Y > 1)
GRADE = np.clip(np.round(Y), 0, 4).astype(int)
GROUPS = np.full(60, 10)
TYPES = [("input", FloatTensorType([None, 8]))]
CAT = {"iterations": 25, "depth": 4, "verbose": 0, "allow_writing_files": False, "random_seed": 0, "thread_count": 1}


def vectors(name):
    return lambda n, rng: {name: zoo.floats(n, rng, 8)}


def holed(n, rng):
    x = zoo.floats(n, rng, 8)
    x[rng.random(x.shape) < 0.2] = np.nan
    return {"input": x}


def save(name, model, converter, source, rows=None, margin=None, **options):
    origin = {"converter": converter, "source": source, "options": options}
    rows = rows or vectors(onnx.load_from_string(model.SerializeToString()).graph.input[0].name)
    zoo.add("converters", name, model, rows, "independent", origin, margin=margin)


def tools(name, convert, fitted, source, rows=None, margin=None, **options):
    model = convert(fitted, initial_types=TYPES, **options)
    save(name, model, f"onnxmltools {onnxmltools.__version__}", source, rows, margin, **options)


def make():
    lightgbm_models()
    xgboost_models()
    catboost_models()


def lightgbm_models():
    source, convert = f"lightgbm {lightgbm.__version__}", onnxmltools.convert_lightgbm
    few = {"n_estimators": 20, "num_leaves": 15, "verbose": -1, "n_jobs": 1}
    tools("lightgbm_regressor", convert, lightgbm.LGBMRegressor(**few).fit(X, Y), source)
    tools("lightgbm_regressor_missing", convert, lightgbm.LGBMRegressor(**few).fit(np.where(rng.random(X.shape) < 0.2, np.nan, X), Y), source, holed)
    tools("lightgbm_zipmap", convert, lightgbm.LGBMClassifier(**few).fit(X, BINARY), source, margin="probabilities")
    tools("lightgbm_classifier", convert, lightgbm.LGBMClassifier(**few).fit(X, BINARY), source, margin="probabilities", zipmap=False)
    tools("lightgbm_multiclass", convert, lightgbm.LGBMClassifier(**few).fit(X, CLASS), source, margin="probabilities", zipmap=False)
    tools("lightgbm_ranker", convert, lightgbm.LGBMRanker(**few).fit(X, GRADE, group=GROUPS), source)
    booster = lightgbm.train({"objective": "poisson", "verbosity": -1, "num_threads": 1}, lightgbm.Dataset(X, np.abs(Y)), 15)
    tools("lightgbm_poisson_booster", convert, booster, source)


def xgboost_models():
    source, convert = f"xgboost {xgboost.__version__}", onnxmltools.convert_xgboost
    few = {"n_estimators": 20, "max_depth": 4, "n_jobs": 1, "random_state": 0}
    tools("xgboost_regressor", convert, xgboost.XGBRegressor(**few).fit(X, Y), source)
    tools("xgboost_regressor_missing", convert, xgboost.XGBRegressor(**few).fit(np.where(rng.random(X.shape) < 0.2, np.nan, X), Y), source, holed)
    tools("xgboost_classifier", convert, xgboost.XGBClassifier(**few).fit(X, BINARY), source, margin="probabilities")
    tools("xgboost_multiclass", convert, xgboost.XGBClassifier(**few).fit(X, CLASS), source, margin="probabilities")
    tools("xgboost_ranker", convert, xgboost.XGBRanker(**few).fit(X, GRADE, group=GROUPS).get_booster(), source)
    tools("xgboost_random_forest", convert, xgboost.XGBRFRegressor(**few).fit(X, Y), source)


def catboost_models():
    pool = catboost.Pool(X, GRADE, group_id=np.repeat(np.arange(60), 10))
    own("catboost_regressor", catboost.CatBoostRegressor(**CAT).fit(X, Y))
    own("catboost_classifier_zipmap", catboost.CatBoostClassifier(**CAT).fit(X, BINARY), margin="probabilities")
    own("catboost_ranker", catboost.CatBoostRanker(loss_function="YetiRank", **CAT).fit(pool))
    own("catboost_classifier", catboost.CatBoostClassifier(**CAT).fit(X, BINARY), margin="probability_tensor", zipmap=False)
    own("catboost_multiclass", catboost.CatBoostClassifier(**CAT).fit(X, CLASS), margin="probability_tensor", zipmap=False)
    deep = {**CAT, "depth": 7, "iterations": 20}
    own("catboost_deep_regressor", catboost.CatBoostRegressor(loss_function="MAE", **deep).fit(X, Y))


def own(name, fitted, zipmap=True, **kwargs):
    """CatBoost's own exporter. It knows no option against ZipMap; cutting that node off is the usual remedy."""
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        fitted.save_model(file.name, format="onnx")
        model = onnx.load(file.name)
    if not zipmap:
        model = onnx.utils.Extractor(model).extract_model([i.name for i in model.graph.input], ["label", "probability_tensor"])
    save(name, model, f"catboost {catboost.__version__} save_model(format='onnx')", f"catboost {catboost.__version__}", zipmap=zipmap, **kwargs)
