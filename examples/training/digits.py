"""digits: a small convolutional network on scikit-learn's handwritten digits.

The model takes the pixels as scikit-learn has them (8 x 8, 0 to 16), so that a
caller need not know how the training scaled them.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

import bundle
import export

SEED = 7
EPOCHS = 40
LOWEST_ACCURACY = 0.97

SETTINGS = """\
# What a classification request calls the ten columns.
labels:
  probabilities: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
"""


class Digits(nn.Module):
    """Two convolution blocks and a linear head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(1), nn.Dropout(0.2), nn.Linear(64 * 2 * 2, 10),
        )  # fmt: skip

    def logits(self, image):
        return self.body(image / 16.0)

    def forward(self, image):
        logits = self.logits(image)
        return logits.argmax(1), logits.softmax(1)


def train(model, images, labels):
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model.logits(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    model.eval()


def main():
    args = bundle.arguments(__doc__, SEED)
    export.seed(args.seed)
    data = load_digits()
    images = data.images.astype(np.float32)[:, None]
    # The held-out images are the same with any seed, so that the figures of two versions compare.
    train_x, test_x, train_y, test_y = train_test_split(
        images, data.target, test_size=0.25, stratify=data.target, random_state=SEED
    )
    model = Digits()
    train(model, torch.from_numpy(train_x), torch.from_numpy(train_y))

    with torch.no_grad():
        predicted, _ = model(torch.from_numpy(test_x))
    accuracy = float((predicted.numpy() == test_y).mean())
    metric = f"accuracy {accuracy:.4f} on {len(test_y)} held-out images"
    print("digits:", metric)
    if accuracy < LOWEST_ACCURACY:
        raise SystemExit(f"digits: accuracy {accuracy:.4f} is below {LOWEST_ACCURACY}")

    onnx_model = export.to_onnx(
        model, {"image": test_x[:2]}, outputs=["label", "probabilities"], free_axes={"image": {0: "batch"}}
    )
    requests, start = [], 0
    for rows in (1, 1, 2, 3, 4, 5, 8):
        requests.append({"image": test_x[start : start + rows]})
        start += rows
    bundle.write(
        args.models,
        "digits",
        args.version,
        onnx_model,
        requests,
        lineage={
            "script": args.script,
            "data": "sklearn.datasets.load_digits, 1347 images to train, 450 held out",
            "metric": metric,
        },
        settings=SETTINGS,
    )


if __name__ == "__main__":
    main()
