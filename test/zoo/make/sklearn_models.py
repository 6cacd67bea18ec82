"""scikit-learn models by skl2onnx, with its defaults unless an option is the point of the model."""
import numpy as np
import skl2onnx
import sklearn
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (ExtraTreesRegressor, GradientBoostingClassifier, HistGradientBoostingClassifier, HistGradientBoostingRegressor, IsolationForest,
                              RandomForestClassifier, RandomForestRegressor, StackingRegressor, VotingClassifier)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (Binarizer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, RobustScaler,
                                   StandardScaler)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skl2onnx.common import tree_ensemble

import zoo

CITIES = ["Oslo", "Bergen", "Trondheim", "Kristiansand", "Ålesund", "Tromsø"]
WORDS = "cold hot soup pizza late early driver kind rude lost order again never best worst fast slow rain snow bridge".split()
rng = np.random.default_rng(7)
X = rng.normal(size=(400, 6)).astype(np.float32)
Y = (2 * X[:, 0] - X[:, 1] * X[:, 2] + np.sin(X[:, 3])).astype(np.float32)
CLASS = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.7)
NAMES = np.array(["low", "middle", "high"])[CLASS]


def plain_numbers(add_node):
    """skl2onnx 1.20 hands numpy's integers and truth values of histogram trees to protobuf, which wants Python's integers."""
    plain = lambda v: int(v) if isinstance(v, (np.integer, np.bool_, bool)) else v
    return lambda *args, **kwargs: add_node(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})


tree_ensemble.add_node = plain_numbers(tree_ensemble.add_node)


def vectors(n, rng):
    return {"X": zoo.floats(n, rng, 6)}


def holed(n, rng):
    x = vectors(n, rng)["X"]
    x[rng.random(x.shape) < 0.25] = np.nan
    return {"X": x}


def sentence(rng):
    return " ".join(rng.choice(WORDS, size=rng.integers(2, 9)))


def texts(n, rng):
    return {"text": zoo.strings([[sentence(rng)] for _ in range(n)])}


def orders(n, rng):
    return {
        "city": zoo.strings(rng.choice(CITIES, size=(n, 1))),
        "vehicle": zoo.strings(rng.choice(["bike", "car", "foot"], size=(n, 1))),
        "items": rng.integers(1, 40, size=(n, 1)).astype(np.int64),
        "km": np.abs(zoo.floats(n, rng, 1)) * 4,
    }


def save(name, estimator, rows=vectors, margin=None, types=None, options=None, **kwargs):
    types = types or [("X", FloatTensorType([None, 6]))]
    model = to_onnx(estimator, initial_types=types, options=options, **kwargs)
    said = {"zipmap": False} if options else {}
    origin = {"converter": f"skl2onnx {skl2onnx.__version__}", "source": f"scikit-learn {sklearn.__version__}", "options": {**said, **kwargs}}
    zoo.add("converters", "sklearn_" + name, model, rows, "independent", origin, margin=margin)


def classifier(name, estimator, x=X, y=CLASS, rows=vectors, margin="probabilities", types=None):
    estimator.fit(x, y)
    save(name, estimator, rows, margin=margin, types=types, options={id(estimator): {"zipmap": False}})


def make():
    vector_classifiers()
    vector_regressors()
    vector_transforms()
    tables()
    text()


def vector_classifiers():
    save("logistic_zipmap", LogisticRegression().fit(X, CLASS), margin="output_probability")
    save("logistic_names_zipmap", LogisticRegression().fit(X, NAMES), margin="output_probability")
    classifier("logistic", LogisticRegression())
    classifier("logistic_names", LogisticRegression(), y=NAMES)
    classifier("logistic_binary", make_pipeline(StandardScaler(), LogisticRegression()), y=(CLASS > 0).astype(int))
    classifier("forest", RandomForestClassifier(n_estimators=15, max_depth=6, random_state=0))
    classifier("gradient_boosting", GradientBoostingClassifier(n_estimators=15, random_state=0))
    hist = HistGradientBoostingClassifier(max_iter=15, random_state=0)
    classifier("hist_gradient_boosting", hist, x=np.where(rng.random(X.shape) < 0.2, np.nan, X), rows=holed)
    classifier("svc", SVC(probability=True, random_state=0), x=X[:150], y=CLASS[:150])
    save("linear_svc", LinearSVC().fit(X, CLASS), margin="probabilities")
    classifier("knn", KNeighborsClassifier(5), x=X[:200], y=CLASS[:200])
    classifier("gaussian_nb", GaussianNB())
    classifier("mlp", make_pipeline(MinMaxScaler(), MLPClassifier((16, 8), max_iter=150, random_state=0)))
    classifier("lda", LinearDiscriminantAnalysis())
    classifier("sgd_one_vs_rest", OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=0)))
    votes = VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft", flatten_transform=False)
    classifier("voting", votes)


def vector_regressors():
    save("linear", LinearRegression().fit(X, Y))
    save("linear_double", LinearRegression().fit(X.astype(np.float64), Y), lambda n, rng: {"X": vectors(n, rng)["X"].astype(np.float64)}, types=[("X", DoubleTensorType([None, 6]))])
    save("polynomial_lasso", make_pipeline(PolynomialFeatures(2), Lasso(0.01)).fit(X, Y))
    save("forest_regressor", RandomForestRegressor(15, max_depth=6, random_state=0).fit(X, Y))
    save("extra_trees", ExtraTreesRegressor(10, max_depth=6, random_state=0).fit(X, Y))
    save("hist_regressor", HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(X, Y), holed)
    save("tree_two_targets", DecisionTreeRegressor(max_depth=5, random_state=0).fit(X, np.stack([Y, -Y + X[:, 4]], axis=1)))
    save("svr", SVR().fit(X[:150], Y[:150]))
    save("knn_regressor", KNeighborsRegressor(4).fit(X[:200], Y[:200]))
    save("mlp_regressor", make_pipeline(RobustScaler(), MLPRegressor(hidden_layer_sizes=(12,), max_iter=200, random_state=0)).fit(X, Y))
    save("gaussian_process", GaussianProcessRegressor(alpha=0.1).fit(X[:60], Y[:60]))
    save("stacking", StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=4, random_state=0))]).fit(X, Y))
    save("pca_ridge", make_pipeline(PCA(3), Ridge()).fit(X, Y))


def vector_transforms():
    save("isolation_forest", IsolationForest(n_estimators=15, random_state=0).fit(X), target_opset={"": 21, "ai.onnx.ml": 3})
    save("kmeans", KMeans(4, n_init=3, random_state=0).fit(X))
    save("gaussian_mixture", GaussianMixture(3, random_state=0).fit(X))
    save("impute_scale", make_pipeline(SimpleImputer(), StandardScaler(), MaxAbsScaler()).fit(X), holed)
    save("svd_normalise", make_pipeline(Normalizer(), TruncatedSVD(3, random_state=0)).fit(X))
    save("bins_binary", make_pipeline(KBinsDiscretizer(4, encode="onehot-dense"), Binarizer()).fit(X))


def tables():
    n = 400
    sample = orders(n, rng)
    import pandas

    frame = pandas.DataFrame({k: v[:, 0] for k, v in sample.items()})
    minutes = 3 * frame["km"] + 2 * (frame["vehicle"] == "foot") + 0.1 * frame["items"] + frame["city"].map({c: i for i, c in enumerate(CITIES)})
    types = [("city", StringTensorType([None, 1])), ("vehicle", StringTensorType([None, 1])), ("items", Int64TensorType([None, 1])), ("km", FloatTensorType([None, 1]))]
    names, numbers = ["city", "vehicle"], ["items", "km"]
    one_hot = ColumnTransformer([("names", OneHotEncoder(handle_unknown="ignore"), names), ("numbers", StandardScaler(), numbers)])
    save("mixed_ridge", make_pipeline(one_hot, Ridge()).fit(frame, minutes), orders, types=types)
    classifier("mixed_logistic", make_pipeline(one_hot, LogisticRegression(max_iter=500)), x=frame, y=np.where(minutes > 12, "late", "in time"), rows=orders, types=types)
    ordinal = ColumnTransformer([("names", OrdinalEncoder(), names)], remainder="passthrough")
    save("ordinal_hist", make_pipeline(ordinal, HistGradientBoostingRegressor(max_iter=20, random_state=0)).fit(frame, minutes), orders, types=types)

    def unknown(n, rng):
        row = orders(n, rng)
        row["city"][rng.random(n) < 0.4] = "Nowhere"
        return {"city": row["city"]}

    save("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(frame[["city"]].to_numpy()), unknown, types=[("city", StringTensorType([None, 1]))])


def text():
    corpus = [sentence(rng) for _ in range(300)]
    mood = np.array(["good" if ("best" in c or "kind" in c) else "bad" for c in corpus])
    types = [("text", StringTensorType([None, 1]))]
    kwargs = {"x": corpus, "y": mood, "rows": texts, "types": types}
    classifier("tfidf_logistic", make_pipeline(TfidfVectorizer(), LogisticRegression()), **kwargs)
    classifier("tfidf_bigrams", make_pipeline(TfidfVectorizer(ngram_range=(1, 2), stop_words=["again", "never"]), LogisticRegression()), **kwargs)
    classifier("count_bayes", make_pipeline(CountVectorizer(), MultinomialNB()), **kwargs)
    save("tfidf_char", TfidfVectorizer(analyzer="char").fit(corpus), texts, types=types)
    save("count_binary", CountVectorizer(binary=True).fit(corpus), texts, types=types)
