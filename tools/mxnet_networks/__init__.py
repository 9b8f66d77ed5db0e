"""Full-size networks in MXNet's files: the structure of GluonCV's model zoo, random weights, no MXNet.

They test that real sizes import and run, and how fast; they predict nothing. Weights are scaled so that activations
stay finite and spread out, and depend on the seed and the parameter's name only.
"""

from __future__ import annotations

from tools.mxnet_networks.catalogue import NETWORKS, Network
from tools.mxnet_networks.write import parameter_count, write_network

__all__ = ["NETWORKS", "Network", "parameter_count", "write_network"]
