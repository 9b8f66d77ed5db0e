"""YOLO datasets: ``data.yaml`` and one text file a picture (https://docs.ultralytics.com/datasets/)."""
