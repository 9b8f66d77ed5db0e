"""Models of TensorFlow and TFLite as ONNX, by way of tf2onnx."""
