"""Stands in for ``neomxnet``, which hosting scripts of SageMaker Neo import before they load a compiled model.

The original taught MXNet to run Neo's machine code, and scripts call nothing of it. Here the import alone has to
work: the model is loaded afterwards, with ``mxnet.model.load_checkpoint('compiled', 0)``,
and has to be one of MXNet.
"""
