"""The GluonCV names of the original tutorials: the weights are the user's, the structures are in the package."""
