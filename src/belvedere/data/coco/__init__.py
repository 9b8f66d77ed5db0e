"""COCO's JSON files of instances and keypoints (https://cocodataset.org/#format-data)."""
