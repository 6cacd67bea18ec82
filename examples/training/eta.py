"""eta: gradient-boosted trees that predict the minutes until a delivery arrives.

A TreeEnsemble costs branches where a network costs multiplications: the
opposite end of the cost curves that a gateway has to learn.
"""

import lightgbm as lgb
import numpy as np
import onnx
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

import bundle

SEED = 5
TREES, LEAVES = 300, 31
TRAIN_ROWS, TEST_ROWS = 60_000, 10_000
LARGEST_MAE = 3.2
# The newest that the converter writes.
OPSET = 15

FEATURES = [
    "distance_km", "items", "store_prep_minutes", "open_orders", "free_couriers", "hour",
    "weekday", "rain_mm", "temperature_c", "traffic_index", "floor", "is_bicycle",
]  # fmt: skip

SETTINGS = "# The columns of `features`, in order:\n" + "".join(
    f"#   {column:2d} {name}\n" for column, name in enumerate(FEATURES)
)


def deliveries(rng, rows):
    """Features and minutes of `rows` deliveries; the noise is what no model can know."""
    distance = rng.gamma(2.2, 1.4, rows)
    items = rng.integers(1, 13, rows)
    prep = rng.gamma(6, 2, rows)
    orders = rng.poisson(25, rows)
    couriers = rng.poisson(14, rows)
    hour = rng.integers(8, 24, rows)
    weekday = rng.integers(0, 7, rows)
    rain = np.where(rng.random(rows) < 0.25, rng.gamma(1.5, 2, rows), 0)
    temperature = rng.normal(14, 8, rows)
    traffic = np.clip(rng.normal(1 + 0.5 * ((hour > 16) & (hour < 20)), 0.2, rows), 0.5, 2.5)
    floor = rng.integers(0, 9, rows)
    bicycle = rng.random(rows) < 0.4

    ride = distance * np.where(bicycle, 4.2 + 0.25 * rain, 2.1 * traffic)
    wait = 9 * np.maximum(orders / np.maximum(couriers, 1) - 1.2, 0)
    minutes = (
        prep + 0.4 * items + ride + wait + 0.45 * floor
        + 2.5 * (weekday >= 5) * (hour >= 18)
        + np.where(temperature < 0, 4, 0)
    ) * rng.lognormal(0, 0.10, rows)  # fmt: skip
    columns = [
        distance,
        items,
        prep,
        orders,
        couriers,
        hour,
        weekday,
        rain,
        temperature,
        traffic,
        floor,
        bicycle,
    ]
    # Two decimals keep the golden rows readable; float32 is what the model will see.
    features = np.stack([np.asarray(column, np.float64) for column in columns], 1).round(2).astype(np.float32)
    return features, minutes


def round_thresholds(booster):
    """The same trees with every threshold a float32.

    ONNX compares float32 with float32, and a threshold that rounds up to the next feature value would
    send that value down the other branch. For float32 features x, x <= t holds exactly when
    x <= the largest float32 not above t.
    """
    lines = booster.model_to_string().splitlines()
    for index, line in enumerate(lines):
        if line.startswith("threshold="):
            exact = np.array(line.removeprefix("threshold=").split(), np.float64)
            rounded = exact.astype(np.float32)
            rounded = np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
            lines[index] = "threshold=" + " ".join(repr(float(value)) for value in rounded)
    # The text states the length of each tree; without that line they are read one by one.
    lines = [line for line in lines if not line.startswith("tree_sizes=")]
    return lgb.Booster(model_str="\n".join(lines) + "\n")


def to_onnx(booster):
    """Converts the trees and names what a caller sees."""
    shape = FloatTensorType([bundle.BATCH_AXIS, len(FEATURES)])
    model = convert_lightgbm(booster, "eta", [("features", shape)], target_opset=OPSET)
    return tidy(model, "eta_minutes")


def tidy(model, name):
    """Renames the only output, gives it the axes [batch, 1], and puts the attributes in order."""
    [output] = model.graph.output
    for node in model.graph.node:
        # The converter writes attributes in no fixed order; sorted, the same trees give the same file.
        attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
        del node.attribute[:]
        node.attribute.extend(attributes)
        for index, produced in enumerate(node.output):
            if produced == output.name:
                node.output[index] = name
    fresh = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [bundle.BATCH_AXIS, 1])
    output.CopyFrom(fresh)
    return model


def main():
    args = bundle.arguments(__doc__, SEED)
    rng = np.random.default_rng(args.seed)
    train_x, train_y = deliveries(rng, TRAIN_ROWS)
    test_x, test_y = deliveries(rng, TEST_ROWS)
    model = lgb.LGBMRegressor(
        objective="l1", n_estimators=TREES, num_leaves=LEAVES, learning_rate=0.1,
        min_child_samples=40, random_state=args.seed,
        deterministic=True, force_row_wise=True, n_jobs=1, verbose=-1,
    )  # fmt: skip
    model.fit(train_x, train_y, feature_name=FEATURES)

    mae = float(np.abs(model.predict(test_x) - test_y).mean())
    naive = float(np.abs(np.median(train_y) - test_y).mean())
    metric = f"MAE {mae:.2f} minutes on {TEST_ROWS} held-out deliveries (always the median: {naive:.2f})"
    print("eta:", metric)
    if mae > LARGEST_MAE:
        raise SystemExit(f"eta: MAE {mae:.2f} is above {LARGEST_MAE}")

    onnx_model = to_onnx(round_thresholds(model.booster_))
    served = bundle.run(bundle.open_session(onnx_model.SerializeToString()), {"features": test_x})
    bundle.assert_close(
        "eta_minutes in ONNX and in LightGBM", served["eta_minutes"][:, 0], model.predict(test_x)
    )

    requests, start = [], 0
    for rows in (1, 1, 2, 3, 4, 6, 8):
        requests.append({"features": test_x[start : start + rows]})
        start += rows
    bundle.write(
        args.models,
        "eta",
        args.version,
        onnx_model,
        requests,
        lineage={
            "script": args.script,
            "data": f"{TRAIN_ROWS} deliveries drawn from a seeded generator",
            "metric": metric,
        },
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()
