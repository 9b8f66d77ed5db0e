"""Stands in for ``neopytorch``, which hosting scripts of SageMaker Neo import before they load a compiled model.

The original taught PyTorch to run Neo's machine code, and scripts call nothing of it. Here the import alone has to
work: the model is loaded afterwards, with ``torch.jit.load('compiled.pt')`` or ``torch.jit.load('model.pt')``,
and has to be one of PyTorch.
"""
