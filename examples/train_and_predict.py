"""The whole way in Python: pictures, training, evaluation, scores.

python train_and_predict.py            # draws boards into a temporary folder
python train_and_predict.py FOLDER     # uses FOLDER/train, FOLDER/test and FOLDER/new
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import belvedere as bv
from belvedere.samples import write_boards


def draw_pictures(folder: Path) -> None:
    """Draw boards to train on and to judge with, and new ones to score."""
    write_boards(folder / "pictures", train=(12, 6), test=(6, 6))
    write_boards(folder / "new", train=(0, 0), test=(2, 2), seed=1)


def main(folder: Path) -> None:
    """Train on what lies in ``folder``, judge the model, and score new pictures."""
    model = bv.train(folder / "pictures", task="anomaly")
    model.save(folder / "model.tar.gz")

    report = model.evaluate(folder / "pictures")
    report.save(folder / "report")
    print(f"AUROC {report.auroc:.3f}, F1 {report.confusion.f1:.3f}; see {folder / 'report' / 'report.html'}")

    with bv.load(folder / "model.tar.gz") as loaded:
        pictures = [record.path for record in bv.open_dataset(folder / "new").records]
        for path, result in zip(pictures, loaded.predict(pictures), strict=True):
            verdict = "anomaly" if result.is_anomalous else "normal"
            print(f"{verdict:<8}{result.score:.3f}  {path.relative_to(folder)}")
            result.draw().save(folder / f"{path.stem}.annotated.png")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            draw_pictures(Path(temporary))
            main(Path(temporary))
