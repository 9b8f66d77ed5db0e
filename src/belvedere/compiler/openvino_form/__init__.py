"""Foreign models in OpenVINO's form: what the importers of TensorFlow, TFLite and Keras have in common."""
