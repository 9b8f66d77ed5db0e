"""The zoo: models by name, from the package, from the Hugging Face hub, or GluonCV's with the user's own weights.

Names are data (``models.toml``). A model of the hub is fetched, bound to its task with the preprocessing that its
repository states, and compiled to an artifact like any other.
"""

from belvedere.zoo.catalogue import Entry, Metric, entries, find, is_name
from belvedere.zoo.loading import load, open_artifact, zoo_artifact

__all__ = ["Entry", "Metric", "entries", "find", "is_name", "load", "open_artifact", "zoo_artifact"]
