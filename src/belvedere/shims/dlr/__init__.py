"""The Python package of DLR, the runtime of SageMaker Neo, over Belvedere's artifacts.

Code that was written for DLR 1.10 runs unchanged::

    import dlr

    model = dlr.DLRModel("compiled/", "cpu", 0)
    outputs = model.run({"data": x})  # a list, also for one output

``model_path`` is an artifact that ``belvedere compile`` or ``belvedere train`` wrote: its folder, its archive, or a
folder that holds the archive. Nothing is ever reported anywhere.
"""

from __future__ import annotations

from .api import DLRModel, IDLRModel  # noqa: TID252
from .dlr_model import DLRError, DLRModelImpl  # noqa: TID252

__all__ = ["DLRError", "DLRModel", "DLRModelImpl", "IDLRModel", "__version__"]

__version__ = "1.10.0"
